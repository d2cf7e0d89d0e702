//! docs/operations.md, written from the declarations.

use std::fmt::Write as _;

use clap::Arg;

use crate::{Declaration, MediaKind};

/// The reference page of every operation with its options, defaults, limits and examples, as Markdown.
pub fn operations_reference() -> String {
    let mut page = String::from(
        "# Operations\n\n\
         <!-- Written from the declarations in crates/catalog by `make reference`; a test fails when it is stale. -->\n\n\
         An upload says what it wants by `processing-option`: S3 user metadata, or an object tag of that name. The same\n\
         text is the Batch parameter `processingOption`, the CLI's `--processing-option` and the value of a rule.\n\n\
         ```text\n\
         resize?width=800&format=webp,convert?format=avif\n\
         ```\n\n\
         Comma-separated operations, each `name` or `name?key=value&key=value` in URL query encoding. A list inside a\n\
         value uses commas, too. A truth value may be left out: `progressive` is `progressive=true`. On the command line\n\
         the same options are flags: `--width 800 --format webp`.\n\n\
         Precedence: metadata, then tag, then rule by key, then the kind's default. What cannot be done is REJECTED with\n\
         a message that says what is wrong and what would be right.\n",
    );
    for kind in MediaKind::ALL {
        let title = kind.name();
        let _ = write!(
            page,
            "\n## {}{}\n\n`{}`. Default: `{}`.\n",
            title[..1].to_uppercase(),
            &title[1..],
            kind.job_name(),
            kind.default_processing_option()
        );
        for declaration in Declaration::of_kind(kind) {
            write_operation(&mut page, declaration);
        }
    }
    page
}

fn write_operation(page: &mut String, declaration: &Declaration) {
    let _ = write!(page, "\n### {}\n\n{}.\n\n", declaration.name, declaration.about);
    for (example, effect) in declaration.examples {
        let _ = writeln!(page, "- `{example}`: {effect}");
    }
    let command = declaration.command();
    let arguments: Vec<&Arg> = command.get_arguments().filter(|argument| argument.get_long().is_some()).collect();
    if arguments.is_empty() {
        return;
    }
    page.push_str("\n| option | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for argument in arguments {
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            argument.get_long().unwrap_or_default(),
            value_column(argument),
            if defaults.is_empty() { "none".to_owned() } else { defaults.join(", ") },
            cell(&argument.get_help().map(ToString::to_string).unwrap_or_default()),
        );
    }
    for argument in command.get_arguments() {
        let values: Vec<_> =
            argument.get_possible_values().into_iter().filter(|value| value.get_help().is_some()).collect();
        if values.is_empty() {
            continue;
        }
        let _ = write!(page, "\n`{}`:\n\n", argument.get_long().unwrap_or_default());
        for value in values {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(page, "- `{}`: {help}", value.get_name());
        }
    }
}

fn value_column(argument: &Arg) -> String {
    let possible = argument.get_possible_values();
    if !possible.is_empty() {
        let list = if argument.get_value_delimiter().is_some() { " (a list)" } else { "" };
        let names: Vec<_> = possible.iter().map(|value| format!("`{}`", value.get_name())).collect();
        return names.join(" ") + list;
    }
    let names = argument.get_value_names().unwrap_or_default();
    cell(&names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
