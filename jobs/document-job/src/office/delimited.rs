//! Tables as text: CSV and its kin.

use crate::flow::Flow;
use crate::grid::Grid;
use crate::rich::Rich;

/// Lines that the separator is told by.
const SAMPLED: usize = 20;

/// Reads a table whose cells commas, semicolons, tabs or bars part: whichever the first lines agree on.
pub(crate) fn read(text: &str) -> Vec<Flow> {
    let separator = separator(text);
    // Excel names the separator in a first line of its own.
    let text = match text.split_once('\n') {
        Some((first, rest)) if first.len() == 5 && first.to_ascii_lowercase().starts_with("sep=") => rest,
        _ => text,
    };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut grid = Grid::default();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).unwrap_or(false) {
        grid.begin_row();
        for cell in &record {
            grid.cell(Rich::from(cell.trim()), 1, 1);
        }
    }
    grid.finish().map(Flow::Table).into_iter().collect()
}

fn separator(text: &str) -> u8 {
    if let Some(named) = text.get(..5).filter(|head| head.to_ascii_lowercase().starts_with("sep=")) {
        return named.as_bytes()[4];
    }
    let count = |separator: u8| {
        let mut in_quotes = false;
        let mut counts = vec![0_usize];
        for byte in text.bytes().take(64 << 10) {
            match byte {
                b'"' => in_quotes = !in_quotes,
                b'\n' if !in_quotes => {
                    if counts.len() == SAMPLED {
                        break;
                    }
                    counts.push(0);
                }
                other if other == separator && !in_quotes => *counts.last_mut().expect("there is one") += 1,
                _ => {}
            }
        }
        let with_some = counts.iter().filter(|count| **count > 0).count();
        let most = counts.iter().copied().max().unwrap_or(0);
        let agreeing = counts.iter().filter(|count| **count == most).count();
        (agreeing.min(with_some), most)
    };
    let best = [b',', b';', b'\t', b'|'].into_iter().max_by_key(|separator| (count(*separator), *separator == b','));
    best.unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::plain;

    #[test]
    fn the_separator_is_found() {
        assert_eq!(plain(&read("name,note\nAnn,\"a, b\"\nBob,\"x\ny\"\n")), "name\tnote\nAnn\ta, b\nBob\tx y\n");
        assert_eq!(plain(&read("a;b\n1,5;2\n2,5;3\n")), "a\tb\n1,5\t2\n2,5\t3\n");
        assert_eq!(plain(&read("sep=|\na|b\n")), "a\tb\n");
        assert_eq!(plain(&read("a\tb\n1\n")), "a\tb\n1\t\n");
        assert!(read("").is_empty());
    }
}
