//! The JSON Schema of transcripts under docs/ is that of the code. `make reference` writes it.

use std::path::Path;

use schemars::schema_for;
use speech::transcript::Transcript;

#[test]
fn the_schema_of_transcripts_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/transcript.schema.json");
    let expected = serde_json::to_string_pretty(&schema_for!(Transcript)).unwrap() + "\n";
    if std::env::var_os("REFERENCE").is_some_and(|value| value == "write") {
        fs_err::write(&path, &expected).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/transcript.schema.json is stale: run `make reference`");
}
