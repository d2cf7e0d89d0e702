//! What the tests share: PDFs made of objects, and their extraction in process.

use std::fmt::Write as _;

use catalog::Format;
use contract::{Failure, Properties};
use operation_testing::{input_as, run};

pub struct Extracted {
    pub properties: Properties,
    pub text: String,
    pub json: serde_json::Value,
    pub markdown: String,
}

pub fn extract_as(format: Format, bytes: &[u8], asked: &str) -> Result<Extracted, Failure> {
    let finished = run(&document_job::JOB, asked, input_as(format, "input", bytes))?;
    Ok(Extracted {
        text: finished.text("text.txt").to_owned(),
        json: finished.json("text.json"),
        markdown: finished.text("text.md").to_owned(),
        properties: finished.properties,
    })
}

pub fn extract(pdf: &[u8]) -> Result<Extracted, Failure> {
    extract_as(Format::Pdf, pdf, "text")
}

/// A PDF of the given objects (the first is number 1 and the catalog), with a true cross-reference.
pub fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend(format!("{} 0 obj\n", at + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        let _ = writeln!(table, "{offset:010} 00000 n ");
    }
    let _ = write!(table, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    file.extend(table.bytes());
    file
}

pub fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {dictionary} /Length {} >>\nstream\n", data.len()).into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}

/// One page with Helvetica as F1 and whatever else the resources name; further objects count from 6.
pub fn page(content: &str, resources: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> {resources} >> >>"
        )
        .into_bytes(),
        stream("", content.as_bytes()),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}

/// A file with passwords, encrypted by RC4 with a key of 128 bits.
pub fn encrypted(sound: &[u8], owner_password: &str, user_password: &str) -> Vec<u8> {
    let mut document = lopdf::Document::load_mem(sound).unwrap();
    let id = lopdf::Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", lopdf::Object::Array(vec![id.clone(), id]));
    let version = lopdf::EncryptionVersion::V2 {
        document: &document,
        owner_password,
        user_password,
        key_length: 128,
        permissions: lopdf::Permissions::all(),
    };
    let state = lopdf::EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let mut encrypted = Vec::new();
    document.save_to(&mut encrypted).unwrap();
    encrypted
}
