//! The JSON Schema of classification.json under docs/ is that of the code. `make reference` writes it.

use std::path::Path;

use classification::report::Classification;
use schemars::schema_for;

#[test]
fn the_schema_of_classification_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/classification.schema.json");
    let expected = serde_json::to_string_pretty(&schema_for!(Classification)).unwrap() + "\n";
    if std::env::var_os("REFERENCE").is_some_and(|value| value == "write") {
        fs_err::write(&path, &expected).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/classification.schema.json is stale: run `make reference`");
}
