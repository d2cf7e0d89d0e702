//! The store beside `aws s3 cp`: 1 GB down and up from the same server, and how soon a process makes its first request.
//!
//!     cargo run --release --bin bench-store [MEGABYTES]
//!
//! The server is this program's own, so that the clients are what is measured (moto copies the whole object for every
//! range of it). `aws` must be on the path.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use benches::object_server::ObjectServer;
use benches::{Subject, compare, print};
use contract::Location;
use operation::Progress;
use store::Store;

const RUNS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fetch", from, to] => block_on(fetch(from, Path::new(to))),
        ["put", from, to] => block_on(put(Path::new(from), to)),
        ["head", location] => block_on(async {
            Store::from_environment().head(&location.parse()?).await?;
            Ok(())
        }),
        [] => measure(1000),
        [megabytes] => measure(megabytes.parse()?),
        _ => bail!("usage: store [MEGABYTES]"),
    }
}

/// As the jobs' main does.
fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn fetch(from: &str, to: &Path) -> Result<()> {
    let store = Store::from_environment();
    let version = store.head(&from.parse()?).await?;
    let into = fs_err::File::create(to)?.into_parts().0;
    let report = store.fetch(&version, &into, &Progress::silent()).await?;
    if report.bytes != version.size || into.metadata()?.len() != version.size {
        bail!("fetched {} of {} bytes", report.bytes, version.size);
    }
    Ok(())
}

async fn put(from: &Path, to: &str) -> Result<()> {
    let to: Location = to.parse()?;
    Store::from_environment().put_file(&to, from, "application/octet-stream").await?;
    Ok(())
}

fn measure(megabytes: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs_err::create_dir(folder.path().join("bucket"))?;
    let object = folder.path().join("bucket/object");
    write_object(&object, megabytes * 1_000_000)?;
    let server = ObjectServer::start(folder.path())?;
    let endpoint = server.address();

    let program = env::current_exe()?;
    let to = folder.path().join("copy");
    let of = |name: &str, program: &Path, arguments: &[&str]| {
        let (program, endpoint) = (program.to_path_buf(), format!("http://{endpoint}"));
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Subject::new(name, move || client(&program, &endpoint, &arguments))
    };
    let (aws, copy, source) = (Path::new("aws"), text(&to)?, text(&object)?);
    let object = "s3://bucket/object";
    let subjects = [of("aws s3 cp", aws, &["s3", "cp", object, copy]), of("fetch", &program, &["fetch", object, copy])];
    compare(&format!("Fetch of {megabytes} MB from S3"), &subjects, RUNS)?;
    let subjects = [of("aws s3 cp", aws, &["s3", "cp", source, object]), of("put", &program, &["put", source, object])];
    compare(&format!("Put of {megabytes} MB to S3"), &subjects, RUNS)?;

    for scheme in ["http", "https"] {
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..11 {
            while server.connections.try_recv().is_ok() {}
            let start = Instant::now();
            let arguments = ["head".to_owned(), object.to_owned()];
            let mut command = client(&program, &format!("{scheme}://{endpoint}"), &arguments);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            let first = server.connections.recv_timeout(Duration::from_secs(10)).context("no request came")?;
            times.push(first - start);
            child.wait()?;
        }
        times.sort_unstable();
        print(&format!(
            "\nProcess start to the first byte of the first S3 request ({scheme}): median {:.1} ms, worst {:.1} ms of {}.",
            times[times.len() / 2].as_secs_f64() * 1e3,
            times[times.len() - 1].as_secs_f64() * 1e3,
            times.len()
        ));
    }
    Ok(())
}

fn client(program: &Path, endpoint: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "us-east-1");
    command.env("AWS_DEFAULT_REGION", "us-east-1").env("AWS_MAX_ATTEMPTS", "1");
    command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
    command
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

fn write_object(path: &Path, size: u64) -> Result<()> {
    let mut file = fs_err::File::create(path)?;
    let pattern: Vec<u8> = (0..1_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..size / pattern.len() as u64 {
        file.write_all(&pattern)?;
    }
    Ok(())
}
