//! What `make lambda-zips` makes of a program: scripts/lambda-zip, and whether the Lambdas start where Lambda runs them.
//!
//! The optimised programs take minutes to build, so what is looked at here are those of the tests: of the same crates by
//! the same linker, and with more symbols, because nothing unused has been left out. The size of the optimised ones is
//! checked by the script whenever it packs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::containers::{in_project, succeed};

/// The glibc of provided.al2023.
const GLIBC: (u32, u32) = (2, 34);

#[test]
fn the_lambdas_need_no_later_glibc_than_lambda_has() {
    for lambda in ["classify-lambda", "dispatch-lambda", "output-lambda"] {
        let needed = glibc_of(&e2e::binary(lambda));
        assert!(needed > (2, 0) && needed <= GLIBC, "{lambda} needs glibc {needed:?}");
    }
}

#[test]
fn the_same_program_gives_the_same_zip_with_a_bootstrap_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let program =
        compile(folder.path(), "hello", "int puts(const char *); int main(void) { return puts(\"hello\") < 0; }");
    let first = folder.path().join("a/hello.zip");
    succeed(&mut pack(&program, &first));
    // Another day, another folder, another user's mask and time zone.
    let copy = folder.path().join("copy");
    fs_err::copy(&program, &copy).unwrap();
    succeed(Command::new("touch").args(["-d", "2001-02-03T04:05:06"]).arg(&copy));
    let second = folder.path().join("b/other.zip");
    let script = in_project("scripts/lambda-zip");
    let line = format!("umask 077; '{}' '{}' '{}'", script.display(), copy.display(), second.display());
    succeed(Command::new("sh").args(["-c", &line]).env("TZ", "Asia/Tokyo"));
    assert!(fs_err::read(&first).unwrap() == fs_err::read(&second).unwrap(), "the zips differ");

    assert_eq!(succeed(Command::new("unzip").arg("-Z1").arg(&first)).trim(), "bootstrap");
    succeed(Command::new("unzip").arg("-q").arg(&first).arg("-d").arg(folder.path()));
    assert_eq!(succeed(&mut Command::new(folder.path().join("bootstrap"))), "hello\n");
}

#[test]
fn a_program_that_lambda_could_not_start_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = "unsigned arc4random(void); int main(void) { return arc4random() == 7; }";
    let program = compile(folder.path(), "late", source);
    assert!(glibc_of(&program) > GLIBC, "glibc has had arc4random since 2.36");
    let zip = folder.path().join("late.zip");
    let refused = pack(&program, &zip).output().unwrap();
    assert!(
        complaint(&refused).contains("needs GLIBC_2.36; provided.al2023 has GLIBC_2.34"),
        "{}",
        complaint(&refused)
    );
    assert_eq!((refused.status.code(), zip.exists()), (Some(70), false));
}

#[test]
fn a_zip_that_makes_cold_starts_slow_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // Nine million bytes that do not compress.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(9_000_000)
    .collect();
    fs_err::write(folder.path().join("noise"), noise).unwrap();
    let source = "__asm__(\".section .rodata\\n.incbin \\\"noise\\\"\\n.text\"); int main(void) { return 0; }";
    let program = compile(folder.path(), "large", source);
    let zip = folder.path().join("large.zip");
    let refused = pack(&program, &zip).output().unwrap();
    assert!(complaint(&refused).contains("more than 8 MiB make cold starts slow"), "{}", complaint(&refused));
    assert_eq!((refused.status.code(), zip.exists()), (Some(70), false));
}

#[test]
fn an_architecture_whose_target_is_missing_is_told_with_what_installs_it() {
    let unknown = Command::new(in_project("scripts/lambda-zips")).arg("riscv").output().unwrap();
    assert_eq!(unknown.status.code(), Some(64));
    assert!(complaint(&unknown).contains("x86_64 and arm64 are"), "{}", complaint(&unknown));

    let printed =
        succeed(Command::new("rustc").args(["--print", "target-libdir", "--target", "aarch64-unknown-linux-gnu"]));
    if Path::new(printed.trim()).is_dir() {
        // It is installed here: the command would build for minutes.
        return;
    }
    let missing = Command::new(in_project("scripts/lambda-zips")).arg("arm64").output().unwrap();
    assert_eq!(missing.status.code(), Some(69));
    assert!(complaint(&missing).contains("rustup target add aarch64-unknown-linux-gnu"), "{}", complaint(&missing));
}

fn pack(program: &Path, zip: &Path) -> Command {
    let mut pack = Command::new(in_project("scripts/lambda-zip"));
    pack.arg(program).arg(zip);
    pack
}

fn compile(folder: &Path, name: &str, source: &str) -> PathBuf {
    let file = folder.join(name).with_extension("c");
    fs_err::write(&file, source).unwrap();
    succeed(Command::new("cc").args(["-w", "-o", name]).arg(&file).current_dir(folder));
    folder.join(name)
}

/// The latest version of glibc that a program asks for.
fn glibc_of(program: &Path) -> (u32, u32) {
    let symbols = succeed(Command::new("objdump").arg("-T").arg(program));
    let version = |rest: &str| {
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    symbols.split("GLIBC_").skip(1).filter_map(version).max().unwrap_or_default()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
