//! What programs print ends where its reader does.

use std::io::Write as _;
use std::process::Stdio;

use e2e::command;

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn every_program_ends_quietly_where_nobody_reads_on() {
    for program in ["image-job", "video-job", "model-job", "document-job", "pipeline"] {
        for arguments in [&["completions", "bash"][..], &["weights"], &["--help"], &["run", "--help"]] {
            if program == "pipeline" && arguments == ["weights"] {
                continue;
            }
            let ended = command(program).args(arguments).stdout(closed_pipe()).stderr(Stdio::piped()).spawn().unwrap();
            let ended = ended.wait_with_output().unwrap();
            let complaint = String::from_utf8_lossy(&ended.stderr);
            assert!(
                ended.status.success() && complaint.is_empty(),
                "{program} {arguments:?}: {} {complaint}",
                ended.status
            );
        }
    }
}

#[test]
fn a_result_that_nobody_reads_is_a_result_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.txt");
    fs_err::File::create(&input).unwrap().write_all(b"Some words.").unwrap();
    let output = folder.path().join("out");
    let mut run = command("document-job");
    run.arg("text").args([&input, &output]).stdout(closed_pipe()).stderr(Stdio::piped());
    let ended = run.spawn().unwrap().wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    assert!(output.join("a.txt/text/manifest.json").is_file());
}

#[test]
fn a_full_disk_is_said_to_be_one() {
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap().into_file();
    let ended = command("image-job").args(["completions", "bash"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let ended = ended.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(complaint.contains("failed to write to standard output"), "{complaint}");
    assert_eq!(ended.status.code(), Some(70));
}
