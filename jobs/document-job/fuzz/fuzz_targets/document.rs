//! What the targets share: a PDF around the bytes that are tried, and the extraction of its text.

use std::io::Write;

use catalog::{Format, MediaKind, Operations};
use contract::FailureKind;
use operation::{Input, Outputs, Progress, Task};

/// A file of these objects, the first of which is the catalog.
#[allow(dead_code, reason = "one target has whole files")]
pub fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    for (at, object) in objects.iter().enumerate() {
        file.extend(format!("{} 0 obj\n", at + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    file.extend(b"trailer << /Root 1 0 R >>\n");
    file
}

/// The objects of a page: catalog, pages, page, content, and further ones from number 5.
#[allow(dead_code, reason = "one target has whole files")]
pub fn page(content: &[u8], resources: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << {resources} >> >>")
            .into_bytes(),
        stream("", content),
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}

/// A stream object.
#[allow(dead_code, reason = "one target has whole files")]
pub fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {entries} /Length {} >>\nstream\n", data.len()).into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}

/// Text, or an error that says what is wrong with the file; never a panic, and never nothing without a word about it.
pub fn extract(bytes: &[u8]) {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("a temporary file can be written");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = Task::new(
        Input::from_file("input.pdf", Format::Pdf, file).expect("its size is known"),
        Outputs::in_folder(folder.path()),
        Progress::silent(),
    );
    let operations = Operations::parse_for(MediaKind::Document, "text").expect("the text is right");
    match document_job::JOB.process(operations.iter().next().expect("one operation"), &task) {
        Ok(properties) => {
            let has_words = properties["words"].as_u64().expect("a count") > 0;
            assert_ne!(has_words, properties.contains_key("noText"), "{properties:?}");
        }
        Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}"),
    }
}
