//! The operations with their options, from the declarations, for the page to make forms of.

use catalog::{Declaration, MediaKind};
use clap::{Arg, ArgAction};
use serde::Serialize;

/// A kind of uploads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the word of the API")]
pub(crate) struct Kind {
    kind: MediaKind,
    /// What is done without a word of the uploader.
    default: &'static str,
    operations: Vec<Operation>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    name: &'static str,
    about: &'static str,
    /// Formats that it takes.
    accepts: Vec<&'static str>,
    /// Processing-options to begin with, each with what it does.
    presets: Vec<Preset>,
    options: Vec<Choice>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Preset {
    option: &'static str,
    effect: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Choice {
    name: String,
    help: String,
    /// What a value looks like, such as `PIXELS` or `1-100`; empty for a switch.
    value: String,
    default: Option<String>,
    /// The words that it takes, if only some.
    values: Vec<Word>,
    is_list: bool,
    is_switch: bool,
    /// Whether it is never shown once it is given.
    is_secret: bool,
}

#[derive(Debug, Serialize)]
struct Word {
    name: String,
    help: String,
}

/// Every kind with its operations.
pub(crate) fn kinds() -> Vec<Kind> {
    let of_kind = |kind: MediaKind| Kind {
        kind,
        default: kind.default_processing_option(),
        operations: Declaration::of_kind(kind).map(operation).collect(),
    };
    MediaKind::ALL.into_iter().map(of_kind).collect()
}

fn operation(declaration: &'static Declaration) -> Operation {
    let accepted = declaration.profile.accepts.iter().chain(declaration.profile.also_accepts);
    let command = declaration.command();
    let arguments = command.get_arguments().filter(|argument| argument.get_long().is_some());
    Operation {
        name: declaration.name,
        about: declaration.about,
        accepts: accepted.map(|format| format.name()).collect(),
        presets: declaration.examples.iter().map(|&(option, effect)| Preset { option, effect }).collect(),
        options: arguments.map(|argument| choice(argument, declaration.secrets)).collect(),
    }
}

fn choice(argument: &Arg, secrets: &[&str]) -> Choice {
    let name = argument.get_long().unwrap_or_default();
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let words: Vec<Word> = argument
        .get_possible_values()
        .into_iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| Word {
            name: value.get_name().to_owned(),
            help: value.get_help().map(ToString::to_string).unwrap_or_default(),
        })
        .collect();
    let is_truth = words.iter().map(|word| word.name.as_str()).eq(["true", "false"]);
    Choice {
        name: name.to_owned(),
        help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
        value: argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect(),
        default: (!defaults.is_empty()).then(|| defaults.join(",")),
        is_list: argument.get_value_delimiter().is_some(),
        is_switch: is_truth || matches!(argument.get_action(), ArgAction::SetTrue | ArgAction::SetFalse),
        is_secret: secrets.contains(&name),
        values: if is_truth { Vec::new() } else { words },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_form() {
        let kinds = kinds();
        let names: Vec<_> = kinds.iter().flat_map(|kind| &kind.operations).map(|operation| operation.name).collect();
        assert!(catalog::OPERATIONS.iter().all(|declaration| names.contains(&declaration.name)), "{names:?}");
        let image = kinds.iter().find(|kind| kind.kind == MediaKind::Image).unwrap();
        let resize = image.operations.iter().find(|operation| operation.name == "resize").unwrap();
        let option = |name: &str| resize.options.iter().find(|option| option.name == name).unwrap();
        assert!(option("progressive").is_switch && option("progressive").values.is_empty());
        assert!(option("formats").is_list && option("formats").values.iter().any(|word| word.name == "webp"));
        assert_eq!(option("fit").default.as_deref(), Some("inside"));
        let document = kinds.iter().find(|kind| kind.kind == MediaKind::Document).unwrap();
        assert!(document.operations[0].options.iter().any(|option| option.name == "password" && option.is_secret));
    }
}
