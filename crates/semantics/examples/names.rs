//! The names of texts, for `scripts/bench-semantics`: `names WEIGHTS < TEXTS`, where each line of the input is a text. Prints a line of
//! JSON for each, with the bytes and the type of each name.

#![expect(clippy::print_stdout, reason = "its output is read by a script")]

use std::io::Read as _;

fn main() {
    let weights = std::env::args().nth(1).expect("the file of the weights text-names");
    let names = semantics::names::Names::read(&fs_err::read(weights).expect("a file")).expect("weights");
    let mut texts = String::new();
    std::io::stdin().read_to_string(&mut texts).expect("UTF-8");
    for text in texts.lines() {
        let found: Vec<_> =
            names.find(text).into_iter().map(|name| (name.range.start, name.range.end, name.kind)).collect();
        println!("{}", serde_json::to_string(&found).expect("JSON"));
    }
}
