//! Runs one processing-option in this process on a local file: `operate 'resize?width=800' photo.jpg out/`.
//! For measuring and profiling an operation without the worker around it.

use std::path::PathBuf;

use catalog::{Detection, HEAD_BYTES, MediaKind, Operations};
use operation::{Input, Outputs, Progress, Task};

#[expect(clippy::print_stdout, reason = "its result is what it prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: operate PROCESSING-OPTION INPUT OUTPUT-FOLDER");
    let (option, path, folder) = (next()?, PathBuf::from(next()?), PathBuf::from(next()?));
    let head: Vec<u8> = {
        use std::io::Read as _;
        let mut head = Vec::new();
        fs_err::File::open(&path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        head
    };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("the file has no name")?.to_owned();
    let format = match catalog::detect(&head, fs_err::metadata(&path)?.len(), &name, None) {
        Detection::Known(format) => format,
        Detection::Unsupported(reason) => return Err(reason.into()),
    };
    let operations: Operations = option.parse()?;
    for operation in operations.iter().filter(|operation| operation.declaration().accepts_kind(MediaKind::Image)) {
        let input = Input::from_file(name.clone(), format, fs_err::File::open(&path)?.into_parts().0)?;
        let task = Task::new(input, Outputs::in_folder(&folder), Progress::silent());
        let properties = image_job::JOB.process(operation, &task)?;
        println!("{}", serde_json::to_string_pretty(&properties)?);
        for output in task.outputs.finished() {
            println!("{}", serde_json::to_string(&output)?);
        }
    }
    Ok(())
}
