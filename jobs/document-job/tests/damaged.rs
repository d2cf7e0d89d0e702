//! Damaged documents are text or refused by the real program, whatever its libraries do.

use catalog::MediaKind;
use operation_testing::no_damage_is_an_internal_failure;

#[test]
fn damaged_documents_never_end_as_an_internal_failure() {
    let mut seeds = Vec::new();
    for entry in
        fs_err::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pages")).unwrap()
    {
        let path = entry.unwrap().path();
        let bytes = fs_err::read(&path).unwrap();
        if bytes.len() < 60_000 {
            seeds.push((path.file_name().unwrap().to_str().unwrap().to_owned(), bytes));
        }
    }
    seeds.sort();
    let options = ["text"];
    no_damage_is_an_internal_failure(env!("CARGO_BIN_EXE_document-job"), MediaKind::Document, &seeds, &options, 300);
}
