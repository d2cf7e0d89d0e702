//! The ground truth: pages whose text is known, because they were made from it (`fixtures/make_pages.py`).

use std::collections::HashMap;
use std::path::Path;

use catalog::Format;
use operation_testing::{input_as, run};
use unicode_normalization::UnicodeNormalization as _;

/// Share of a page's words that may be wrong, missing or elsewhere.
const MAX_ERROR: f64 = 0.16;
/// The same, on average.
const MAX_MEAN_ERROR: f64 = 0.01;

/// The text in one of its forms: `text.txt`, `text.md`.
fn text_of(pdf: &Path, name: &str) -> String {
    let input = input_as(Format::Pdf, "page.pdf", &fs_err::read(pdf).unwrap());
    run(&document_job::JOB, "text?formats=text,markdown", input).unwrap().text(name).to_owned()
}

/// Words, and ideographs each by itself.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::new();
    for char in text.nfkc() {
        if matches!(u32::from(char), 0x2E80..=0x9FFF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF) {
            spaced.extend([' ', char, ' ']);
        } else {
            spaced.push(char);
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// One less twice the longest common subsequence over both lengths.
fn error(truth: &[String], found: &[String]) -> f64 {
    let mut row = vec![0_usize; found.len() + 1];
    for word in truth {
        let mut diagonal = 0;
        for (at, other) in found.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    let common = row[found.len()];
    1.0 - 2.0 * common as f64 / (truth.len() + found.len()).max(1) as f64
}

#[test]
fn pages_are_read_as_they_were_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pages");
    let mut errors = HashMap::new();
    for entry in fs_err::read_dir(&folder).unwrap() {
        let pdf = entry.unwrap().path();
        if pdf.extension().is_none_or(|extension| extension != "pdf") {
            continue;
        }
        let truth = fs_err::read_to_string(pdf.with_extension("txt")).unwrap();
        let found = text_of(&pdf, "text.txt");
        let error = error(&words(&truth), &words(&found));
        assert!(error < MAX_ERROR, "{}: {error:.3}\n{found}", pdf.display());
        errors.insert(pdf, error);
    }
    assert!(errors.len() >= 50, "{} pages", errors.len());
    let mean = errors.values().sum::<f64>() / errors.len() as f64;
    assert!(mean < MAX_MEAN_ERROR, "{mean:.4} on average: {errors:#?}");
}

#[test]
fn tables_are_rows_of_cells() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pages");
    for (page, rows) in [
        (
            "table_open",
            [
                "| Vessel | Cargo | Berth | Tonnes |",
                "| Halcyon | Grain | 11 | 980 |",
                "| Sable | Machinery | 7 | 415 |",
            ],
        ),
        (
            "table_ruled",
            [
                "| Vessel | Cargo | Berth | Tonnes |",
                "| Halcyon | Grain | 11 | 980 |",
                "| Sable | Machinery | 7 | 415 |",
            ],
        ),
        (
            "table_of_numbers",
            [
                "| Month | 2016 | 2017 | 2018 | 2019 | 2020 | 2021 | 2022 | 2023 |",
                "| January | 32.1 | 15.0 | 64.5 | 7.3 | 53.1 | 36.3 | 5.8 | 50.3 |",
                "| September | 57.5 | 45.2 | 83.2 | 93.5 | 47.0 | 65.8 | 6.1 | 69.5 |",
            ],
        ),
        (
            "table_wrapped_cells",
            [
                "| Station | Remarks |",
                "| North pier | The gauge was cleaned and reads two millimetres higher than before. |",
                "| Mole | No change. |",
            ],
        ),
    ] {
        let markdown = text_of(&folder.join(page).with_extension("pdf"), "text.md");
        for row in rows {
            assert!(markdown.lines().any(|line| line == row), "{page} has no row {row}:\n{markdown}");
        }
    }
}

#[test]
fn headings_and_lists_are_told_from_paragraphs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pages");
    let markdown = text_of(&folder.join("lists.pdf"), "text.md");
    for line in ["# Before the tide turns", "- Signal the pilot.", "2. Release the mooring lines."] {
        assert!(markdown.lines().any(|found| found == line), "{line}:\n{markdown}");
    }
}
