//! The JSON Schemas of the reports under docs/ are those of the code. `make reference` writes them.

use std::path::Path;

use model_job::simulate::report::{Print, Simulation, Strength};
use schemars::{JsonSchema, schema_for};

fn schema_is_not_stale<T: JsonSchema>(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    let expected = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
    if std::env::var_os("REFERENCE").is_some_and(|value| value == "write") {
        fs_err::write(&path, &expected).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{file} is stale: run `make reference`");
}

#[test]
fn the_schemas_are_not_stale() {
    schema_is_not_stale::<Simulation>("simulation.schema.json");
    schema_is_not_stale::<Strength>("strength.schema.json");
    schema_is_not_stale::<Print>("print.schema.json");
}
