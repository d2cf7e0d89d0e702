//! Damaged images are pictures or refused by the real program, whatever its libraries do.

mod common;

use catalog::MediaKind;
use common::{picture, process};
use operation_testing::no_damage_is_an_internal_failure;

#[test]
fn damaged_images_never_end_as_an_internal_failure() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut seeds = Vec::new();
    for folder in [fixtures.clone(), fixtures.join("tiff"), fixtures.join("gif"), fixtures.join("animations")] {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                seeds.push((path.file_name().unwrap().to_str().unwrap().to_owned(), fs_err::read(&path).unwrap()));
            }
        }
    }
    seeds.sort();
    let png = picture(40, 30).png();
    for format in ["jpeg", "webp", "avif", "tiff", "gif"] {
        let made = process(&format!("convert?format={format}"), "a.png", &png).unwrap();
        let name = made.names()[0].to_owned();
        seeds.push((name.clone(), made.bytes(&name).to_vec()));
    }
    seeds.push(("a.png".to_owned(), png));
    seeds.push(("a.svg".to_owned(), br#"<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><text x="2" y="9" font-size="8">Words</text><rect x="3" y="10" width="9" height="4" fill="url(#g)"/><linearGradient id="g"><stop offset="0"/><stop offset="1" stop-color="red"/></linearGradient></svg>"#.to_vec()));
    let options = ["resize?width=20&format=webp&allow-truncated", "convert?format=png", "extract"];
    no_damage_is_an_internal_failure(env!("CARGO_BIN_EXE_image-job"), MediaKind::Image, &seeds, &options, 400);
}
