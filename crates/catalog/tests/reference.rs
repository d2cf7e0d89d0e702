//! docs/operations.md is what the declarations say. `make reference` writes it.

use std::path::Path;

#[test]
fn the_reference_page_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let expected = catalog::operations_reference();
    if std::env::var_os("REFERENCE").is_some_and(|value| value == "write") {
        fs_err::write(&path, &expected).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/operations.md is stale: run `make reference`");
}
