//! A job whose input says how it shall misbehave: what a decoder could do that a hostile file has taken over.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalog::{Declaration, MediaKind, Operation};
use contract::{Failure, Properties};
use operation::ask::{self, Jpeg};
use operation::{Job, Processor, Task};
use serde_json::json;

/// Where the environment of the parent had a secret; 0 where it had none.
pub static SECRET_AT: AtomicUsize = AtomicUsize::new(0);

pub struct Hostile;

/// The job with the processor above for its only operation.
pub const HOSTILE_JOB: Job = Job { kind: MediaKind::Image, processors: &[&Hostile, &Asking] };

/// The same misbehaviour in an operation that may ask managed services.
struct Asking;

impl Processor for Asking {
    fn declaration(&self) -> &'static Declaration {
        Declaration::named("recognise").expect("it is declared")
    }

    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        Hostile.process(operation, task)
    }
}

impl Processor for Hostile {
    fn declaration(&self) -> &'static Declaration {
        Declaration::named("resize").expect("it is declared")
    }

    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        let mut text = [0; 64];
        let count = task.input.read_at(0, &mut text)?;
        let text = std::str::from_utf8(&text[..count]).map_err(|_| Failure::invalid_input("the input is no text"))?;
        let word = text.split_whitespace().next().unwrap_or_default();
        let observed = misbehave(word, operation, task)?;
        let serde_json::Value::Object(properties) = observed else { return Ok(Properties::new()) };
        Ok(properties)
    }

    fn library_versions(&self) -> Vec<(&'static str, String)> {
        vec![("hostile", "1.0".to_owned())]
    }
}

/// What stands there now.
fn secret() -> Option<String> {
    let at = std::ptr::with_exposed_provenance::<u8>(SECRET_AT.load(Ordering::Relaxed));
    // SAFETY: the memory at the top of the stack is never given back, and the secret had this length.
    let bytes = (!at.is_null()).then(|| unsafe { std::slice::from_raw_parts(at, crate::SECRET.len()) })?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

fn misbehave(word: &str, operation: &Operation, task: &Task) -> Result<serde_json::Value, Failure> {
    Ok(match word {
        "work" => {
            let mut output = task.outputs.create("deep/er/copy.txt")?;
            std::io::copy(&mut task.input.reader(), &mut output)?;
            output.finish("text/plain", Properties::from_iter([("width".to_owned(), json!(3))]));
            task.outputs.create("unfinished.txt")?.write_all(b"never finished")?;
            task.outputs.create("half/unfinished.txt")?.write_all(b"never finished")?;
            for step in 0..=10 {
                task.progress.report(f64::from(step) / 10.0);
                std::thread::sleep(Duration::from_millis(20));
            }
            json!({ "operation": operation.to_string(), "name": task.input.name(), "size": task.input.size(),
                    "mapped": task.input.map()?.len() })
        }
        "ask" => {
            let labels = ask::Labels { picture: Jpeg(vec![0xff; 3_000_000]), min_confidence: 0.5, max: 3 };
            let answer = task.services.ask(&labels).map(|answer| answer.labels.len());
            json!({ "labels": answer.as_ref().ok(), "failure": answer.err().map(|failure| failure.to_string()) })
        }
        "ask-again" => {
            let labels = ask::Labels { picture: Jpeg(Vec::new()), min_confidence: 0.5, max: 3 };
            for _ in 0..1000 {
                let _ = task.services.ask(&labels);
            }
            json!({})
        }
        "ask-another" => {
            let _ = task.services.ask(&ask::PageText { picture: Jpeg(Vec::new()) });
            json!({})
        }
        "threads" => {
            let sum = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for thread in 0..8_u64 {
                    let sum = &sum;
                    scope.spawn(move || {
                        let mut bytes = vec![0; 1000];
                        for round in 0..50 {
                            let offset = (thread * 7919 + round * 104_729) % (task.input.size() - 1000);
                            task.input.read_exact_at(offset, &mut bytes).expect("the range is there");
                            sum.fetch_add(bytes.iter().map(|byte| u64::from(*byte)).sum(), Ordering::Relaxed);
                        }
                        task.outputs
                            .write(format!("{thread}"), "text/plain", &bytes, Properties::new())
                            .expect("a file");
                    });
                }
            });
            json!({ "sum": sum.into_inner() })
        }
        "look-around" => json!({
            "environment": std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect::<Vec<_>>(),
            "descriptors": descriptors(),
            "arguments": std::env::args().collect::<Vec<_>>(),
            "secret": secret(),
            "stdin": std::io::stdin().read(&mut [0; 16]).map_err(|error| error.to_string()),
        }),
        "break-out" => break_out(),
        "allocate" => {
            let mut kept: Vec<Vec<u8>> = Vec::new();
            loop {
                kept.push(vec![1; 1 << 20]);
            }
        }
        "map" => {
            // SAFETY: asks for memory; the answer is only compared.
            let memory = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    1 << 33,
                    libc::PROT_READ,
                    libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            json!({ "refused": memory == libc::MAP_FAILED })
        }
        "recurse" => json!({ "depth": recurse(&[1; 64]) }),
        "abort" => std::process::abort(),
        "segfault" => {
            // SAFETY: none, and that is the purpose.
            unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
            json!({})
        }
        "exit" => std::process::exit(3),
        "kill" => {
            // SAFETY: SIGKILL to this very process through the call that abort() uses.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::getpid(), libc::SIGKILL) };
            std::thread::sleep(Duration::from_mins(1));
            json!({})
        }
        "loop" => {
            let mut count = 0_u64;
            loop {
                count = std::hint::black_box(count.wrapping_add(1));
            }
        }
        "sleep" => {
            std::thread::sleep(Duration::from_hours(1));
            json!({})
        }
        "write-one" => {
            let mut output = task.outputs.create("large")?;
            loop {
                output.write_all(&[0; 8192])?;
            }
        }
        "write-many" => {
            // Leaves time to be noticed, as work on real files does.
            for index in 0.. {
                task.outputs.write(format!("many/{index}"), "text/plain", &vec![0; 50_000], Properties::new())?;
                std::thread::sleep(Duration::from_millis(1));
            }
            json!({})
        }
        "write-many-at-once" => {
            for index in 0..30 {
                task.outputs.write(format!("many/{index}"), "text/plain", &vec![0; 50_000], Properties::new())?;
            }
            json!({})
        }
        "sparse" => {
            task.outputs.create("sparse")?.file().set_len(1 << 40)?;
            json!({})
        }
        "shout" => {
            let start = Instant::now();
            while start.elapsed() < Duration::from_mins(1) {
                let _ = std::io::stderr().write_all(&[b'x'; 4096]);
            }
            json!({})
        }
        "panic" => panic!("it went wrong \u{1b}[2J here"),
        "panic-elsewhere" => {
            std::thread::scope(|scope| {
                scope.spawn(|| panic!("on another thread"));
            });
            json!({})
        }
        // Asserted by the crate `bytes`, as a decoder asserts what a damaged file breaks.
        "panic-of-a-library" => json!({ "length": bytes::Bytes::new().slice(1..).len() }),
        "panic-of-a-library-elsewhere" => {
            std::thread::scope(|scope| {
                scope.spawn(|| bytes::Bytes::new().slice(1..));
            });
            json!({})
        }
        "panic-after-a-tolerated-one" => {
            let length = operation::tolerate_panics(|| bytes::Bytes::new().slice(1..).len());
            panic!("the length is {length:?}")
        }
        "fail" => {
            task.outputs.write("partial", "text/plain", b"partial", Properties::new())?;
            return Err(Failure::invalid_input("the header says 12 and there are 7"));
        }
        "bad-name" => {
            let mut refusals = Vec::new();
            for name in ["../escape", "/tmp/escape", "a/../../escape", "", "a//b", "a\nb", "deep/../x"] {
                refusals.push(task.outputs.create(name).err().map(|failure| failure.to_string()));
            }
            json!({ "refusals": refusals })
        }
        "twice" => {
            task.outputs.write("same", "text/plain", b"1", Properties::new())?;
            task.outputs.write("same", "text/plain", b"2", Properties::new())?;
            json!({})
        }
        "lie" => {
            // The last word of a worker that claims an output it never asked for.
            last_word(
                br#"{"Done":{"ending":{"Completed":{"outputs":[{"name":"../../etc/passwd","contentType":"a/b",
                          "properties":{}}],"properties":{},"versions":[]}},"peak_memory":0}}"#,
            )
        }
        "reserved-property" => {
            let properties = Properties::from_iter([("sha256".to_owned(), json!("0"))]);
            task.outputs.write("out", "text/plain", b"1", properties)?;
            json!({})
        }
        "bad-content-type" => {
            task.outputs.write("out", "text/plain\r\nx-amz-acl: public-read", b"1", Properties::new())?;
            json!({})
        }
        "garbage" => last_word(b"\xff\xfe{}"),
        "endless-frame" => {
            raw_write(&u32::MAX.to_le_bytes());
            std::thread::sleep(Duration::from_mins(1));
            json!({})
        }
        "deaf" => {
            // Asks and asks without ever reading an answer.
            let question = br#"{"ReadAt":{"offset":0,"length":8000000}}"#;
            loop {
                raw_write(&(question.len() as u32).to_le_bytes());
                raw_write(question);
            }
        }
        "companions" => {
            let read = |path: &str| {
                let file = task.input.companion(path);
                file.map_err(|failure| format!("{:?}: {failure}", failure.kind())).map(|mut file| {
                    let mut text = String::new();
                    file.read_to_string(&mut text).expect("text");
                    let written = file.write_all(b"no").is_err();
                    format!("{text}{}", if written { "" } else { " and written to" })
                })
            };
            json!({ "there": read("./wood.txt").ok(), "deep": read("textures/oak.txt").ok(),
                    "absent": read("absent.txt").err(), "outside": read("../secret.txt").err(),
                    "absolute": read("/etc/passwd").err(), "folder": read("textures").err() })
        }
        "companion-later" => {
            // Goes on as if it were not there, which must not count.
            let _ = task.input.companion("later.txt");
            task.outputs.write("without", "text/plain", b"without", Properties::new())?;
            json!({})
        }
        "ranged" => {
            let size = task.input.size();
            let mut whole = vec![0; size as usize];
            task.input.read_exact_at(0, &mut whole)?;
            let mut small = Vec::new();
            let mut reader = std::io::BufReader::with_capacity(64 << 10, task.input.reader());
            let mut piece = [0; 777];
            while let count @ 1.. = reader.read(&mut piece)? {
                small.extend_from_slice(&piece[..count]);
            }
            let past = task.input.read_at(size + 10, &mut [0; 10])?;
            let mut last = [0; 20];
            let tail = task.input.read_at(size - 10, &mut last)?;
            json!({ "same": whole == small, "past": past, "tail": tail, "map": task.input.map().is_err(),
                    "last": last[..10] == whole[whole.len() - 10..] })
        }
        "plant" => plant(task)?,
        "many-outputs" => {
            for index in 0..65 {
                task.outputs.write(format!("many/{index}"), "text/plain", b"1", Properties::new())?;
            }
            json!({})
        }
        "below-another" => {
            task.outputs.write("name", "text/plain", b"1", Properties::new())?;
            task.outputs.write("name/below", "text/plain", b"2", Properties::new())?;
            json!({})
        }
        "weights" => {
            let weights = task.weights.get("numbers")?;
            json!({ "length": weights.len(), "last": weights[weights.len() - 1] })
        }
        "weights-of-others" => json!({ "length": task.weights.get("others")?.len() }),
        "ranged-failure" => {
            // A decoder that takes an error for the end of the file.
            let mut bytes = vec![0; 100_000];
            let _ = task.input.read_at(200_000, &mut bytes);
            task.outputs.write("truncated", "text/plain", b"truncated", Properties::new())?;
            json!({})
        }
        other => return Err(Failure::invalid_input(format!("{other:?} is nothing that this job does"))),
    })
}

/// Puts links to what its parent could read in the place of its outputs: calls that name a path need no descriptor.
fn plant(task: &Task) -> Result<serde_json::Value, Failure> {
    let mut output = task.outputs.create("out.txt")?;
    output.write_all(b"its own")?;
    let number = std::os::fd::AsRawFd::as_raw_fd(output.file());
    let nameless = fs_err::read_link(format!("/proc/self/fd/{number}"))?;
    output.finish("text/plain", Properties::new());
    let folder = nameless.parent().ok_or_else(|| Failure::internal("the file is in no folder"))?;
    let moved = folder.with_extension("moved");
    let link = |to: &std::path::Path| std::os::unix::fs::symlink("/proc/self/environ", to).is_ok();
    let done = [
        link(&folder.join("out.txt")),
        fs_err::rename(folder, &moved).is_ok(),
        std::os::unix::fs::symlink(&moved, folder).is_ok(),
    ];
    Ok(json!({ "done": done, "moved": moved }))
}

/// Each attempt by name, with what came of it: the error's name, or "done".
fn break_out() -> serde_json::Value {
    let done = |error: Option<std::io::Error>| error.map_or("done".to_owned(), |error| error.kind().to_string());
    let mut attempts = serde_json::Map::new();
    let mut tried = |what: &str, error: Option<std::io::Error>| attempts.insert(what.to_owned(), json!(done(error)));
    tried("read /etc/passwd", fs_err::File::open("/etc/passwd").err());
    tried("read /proc/self/environ", fs_err::File::open("/proc/self/environ").err());
    tried("list /", fs_err::read_dir("/").err());
    tried("write /tmp", fs_err::File::create("/tmp/worker-was-here").err());
    tried("make a folder", fs_err::create_dir("/tmp/worker-was-here").err());
    tried("remove a file", fs_err::remove_file("/tmp/no-such-file").err());
    tried("rename", fs_err::rename("/tmp/no-such-file", "/tmp/none-either").err());
    tried("link", std::os::unix::fs::symlink("/etc/passwd", "/tmp/worker-was-here").err());
    tried("look at /etc/passwd", fs_err::metadata("/etc/passwd").err());
    tried("connect", std::net::TcpStream::connect("169.254.169.254:80").err());
    tried("bind", std::net::UdpSocket::bind("127.0.0.1:0").err());
    tried("unix socket", std::os::unix::net::UnixStream::connect("/run/docker.sock").err());
    tried("socket pair", std::os::unix::net::UnixStream::pair().err());
    tried("run a program", std::process::Command::new("/bin/true").status().err());
    let page = 4096_usize;
    let parent = i64::from(std::os::unix::process::parent_id());
    // The parent has the same bytes in the same place.
    let mut bytes = *b"of the parent...";
    let vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let vector = (&raw const vector).expose_provenance() as i64;
    // Numbers that are the same for every call that has them; where one succeeded, it would be seen as "done".
    let calls: [(&str, i64, [i64; 6]); 22] = [
        ("fork", libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0]),
        (
            "a thread in a new user namespace",
            libc::SYS_clone,
            [i64::from(libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_VM | libc::CLONE_NEWUSER), 0, 0, 0, 0, 0],
        ),
        ("execveat", libc::SYS_execveat, [0; 6]),
        ("ptrace", libc::SYS_ptrace, [0; 6]),
        ("read the parent's memory", libc::SYS_process_vm_readv, [parent, vector, 1, vector, 1, 0]),
        ("signal the parent", libc::SYS_kill, [i64::from(std::os::unix::process::parent_id()), 0, 0, 0, 0, 0]),
        ("signal the parent's thread", libc::SYS_tgkill, [1, 1, 0, 0, 0, 0]),
        (
            "a handle to the parent",
            libc::SYS_pidfd_open,
            [i64::from(std::os::unix::process::parent_id()), 0, 0, 0, 0, 0],
        ),
        ("raise a limit", libc::SYS_prlimit64, [0, i64::from(libc::RLIMIT_AS), page as i64, 0, 0, 0]),
        (
            "executable memory",
            libc::SYS_mmap,
            [
                0,
                page as i64,
                i64::from(libc::PROT_READ | libc::PROT_EXEC),
                i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
                -1,
                0,
            ],
        ),
        ("io_uring", libc::SYS_io_uring_setup, [1, 0, 0, 0, 0, 0]),
        ("bpf", libc::SYS_bpf, [0; 6]),
        ("perf", libc::SYS_perf_event_open, [0; 6]),
        ("user faults", libc::SYS_userfaultfd, [0; 6]),
        ("unshare", libc::SYS_unshare, [i64::from(libc::CLONE_NEWUSER), 0, 0, 0, 0, 0]),
        ("mount", libc::SYS_mount, [0; 6]),
        ("another user", libc::SYS_setuid, [0; 6]),
        ("the keyring", libc::SYS_keyctl, [0; 6]),
        ("another folder", libc::SYS_chdir, [0; 6]),
        ("survive the parent", libc::SYS_prctl, [i64::from(libc::PR_SET_PDEATHSIG), 0, 0, 0, 0, 0]),
        ("take input from the terminal", libc::SYS_ioctl, [0, libc::TIOCSTI as i64, 0, 0, 0, 0]),
        ("space that nobody sees", libc::SYS_fallocate, [1, i64::from(libc::FALLOC_FL_KEEP_SIZE), 0, 1, 0, 0]),
    ];
    for (what, call, [a, b, c, d, e, f]) in calls {
        // SAFETY: every one of them is refused by the kernel; if not, the test fails.
        let result = unsafe { libc::syscall(call, a, b, c, d, e, f) };
        tried(what, (result < 0).then(std::io::Error::last_os_error));
    }
    attempts.into()
}

fn descriptors() -> Vec<i32> {
    // SAFETY: asks for flags; closed descriptors are an error.
    (0..2048).filter(|descriptor| unsafe { libc::fcntl(*descriptor, libc::F_GETFD) } >= 0).collect()
}

#[expect(unconditional_recursion, reason = "what a hostile file makes a decoder do")]
fn recurse(above: &[u8; 64]) -> u64 {
    let mut here = *above;
    here[0] = here[0].wrapping_add(1);
    recurse(std::hint::black_box(&here)) + u64::from(here[0])
}

/// Past the channel's own code, as code that a file brought along would.
fn raw_write(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: writes from a live buffer to the descriptor of the channel.
        let count = unsafe { libc::write(3, bytes.as_ptr().cast(), bytes.len()) };
        bytes = &bytes[usize::try_from(count).expect("the parent listens")..];
    }
}

fn last_word(message: &[u8]) -> serde_json::Value {
    raw_write(&(message.len() as u32).to_le_bytes());
    raw_write(message);
    std::thread::sleep(Duration::from_mins(1));
    json!({})
}
