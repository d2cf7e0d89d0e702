//! Tables for people.

use comfy_table::{Table, presets};

/// An empty table of this program's look.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(comfy_table::TableComponent::HeaderLines, '─')
        .set_header(header.to_vec());
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table
}

/// Prints a result. A reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
