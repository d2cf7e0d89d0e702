//! docs/operations.md and terraform/modules/pipeline/profiles.json are what the declarations say. `make reference` writes them.

use std::path::Path;

#[test]
fn the_reference_page_is_not_stale() {
    check("docs/operations.md", &catalog::operations_reference());
}

#[test]
fn the_profiles_that_terraform_reads_are_not_stale() {
    check("terraform/modules/pipeline/profiles.json", &catalog::profiles_json());
}

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    if std::env::var_os("REFERENCE").is_some_and(|value| value == "write") {
        fs_err::write(&path, expected).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name} is stale: run `make reference`");
}
