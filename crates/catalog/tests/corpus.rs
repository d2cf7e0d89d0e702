//! Detection over real files, if the corpus is next to the project: each with its name taken away, and with a wrong
//! extension.
#![expect(clippy::print_stdout, reason = "a test says what is named otherwise than it is")]

use std::io::Read;
use std::path::{Path, PathBuf};

use catalog::{Detection, Format, HEAD_BYTES, MediaKind, detect};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus")
}

fn detect_as(path: &Path, name: &str) -> Detection {
    let file = fs_err::File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).unwrap();
    detect(&head, size, name, None)
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn every_file_of_the_corpus_is_of_the_kind_of_its_folder_whatever_its_name() {
    let corpus = corpus();
    let folders = [
        ("documents", MediaKind::Document),
        ("images", MediaKind::Image),
        ("models", MediaKind::Model),
        ("videos", MediaKind::Video),
    ];
    let mut wrong = Vec::new();
    for (folder, kind) in folders {
        for entry in fs_err::read_dir(corpus.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            for name in ["", "holiday.JPG", "a b é.v1.pdf", "film.mp4", "noextension", "x.bin"] {
                match detect_as(&path, name) {
                    Detection::Known(format) if format.kind() == kind => {}
                    other => wrong.push(format!("{} named {name:?}: {other:?}", path.display())),
                }
            }
            let named = path.file_name().unwrap().to_str().unwrap();
            let by_name = Format::from_name(named).map(Format::content_type);
            let found = detect_as(&path, "");
            // A file that carries the usual extension of its content is detected as exactly that format.
            if let (Detection::Known(format), Some(by_name)) = (&found, by_name)
                && format.content_type() != by_name
            {
                println!("{named} is {} by content", format.name());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
