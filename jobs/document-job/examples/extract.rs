//! Extracts the text of a document in process, into a folder that does not have results yet: what the CLI does, without
//! the worker. `cargo run --example extract -- report.pdf results/`

use std::path::Path;

use catalog::Operations;
use operation::{Input, Outputs, Progress, Task};

#[expect(clippy::print_stdout, reason = "the properties are what it prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("extract INPUT FOLDER [PROCESSING-OPTION]".into());
    };
    let asked = arguments.next().unwrap_or_else(|| "text".to_owned());
    let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = fs_err::File::open(&path)?;
    let extension = Path::new(&path).extension().unwrap_or_default().to_string_lossy();
    let format = match &*extension {
        "docx" => catalog::Format::Docx,
        "xlsx" => catalog::Format::Xlsx,
        "pptx" => catalog::Format::Pptx,
        "epub" => catalog::Format::Epub,
        "html" => catalog::Format::Html,
        "md" => catalog::Format::Markdown,
        "txt" => catalog::Format::Text,
        _ => catalog::Format::Pdf,
    };
    let task =
        Task::new(Input::from_file(name, format, file.into_parts().0)?, Outputs::in_folder(folder), Progress::silent());
    let operations = Operations::parse_for(catalog::MediaKind::Document, &asked)?;
    for operation in &operations {
        let properties = document_job::JOB.process(operation, &task)?;
        println!("{}", serde_json::Value::Object(properties));
    }
    Ok(())
}
