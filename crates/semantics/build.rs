//! Writes the stop words as one text a language. As the lists that their crate holds, each word would be an address, and all 20,000 of
//! them would be relocated at every start of a program that has them.

use std::fmt::Write as _;
use std::path::Path;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut code = String::from("match code {\n");
    for language in stop_words::available_languages() {
        let words = stop_words::get(language).join("\n");
        writeln!(code, "    {language:?} => {words:?},").expect("a string grows");
    }
    code.push_str("    _ => \"\",\n}\n");
    let folder = std::env::var_os("OUT_DIR").expect("cargo names it");
    #[expect(clippy::disallowed_methods, reason = "a build script needs no other crate to name its one file")]
    std::fs::write(Path::new(&folder).join("stop_words.rs"), code)
}
