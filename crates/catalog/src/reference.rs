//! docs/operations.md and Terraform's profiles.json, written from the declarations.

use std::fmt::Write as _;

use clap::Arg;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::grammar::tag_of;
use crate::{
    Access, Declaration, ExecutorClass, FastPath, MediaKind, OPERATIONS, Operations, Profile, Resources,
    ResourcesBySize,
};

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
         the same options are flags: `--width 800 --format webp`. American spellings (`optimize`, `quantize`, `color`,\n\
         `center`) are accepted.\n\n\
         S3 takes neither `?` nor `&` nor `,` in a tag. There, and anywhere else, a space comes before each option, `+` takes the\n\
         place of the comma and `@` that of `%`: `resize width=800 format=webp + convert format=avif`. A tag has at most 256\n\
         characters; user metadata has at most 2 KB, in ASCII.\n\n\
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

/// What Terraform needs to know of the operations, as JSON: every profile, and for each kind the most that any of its
/// operations needs (`resources` are those of small objects, which dispatch overrides by size).
pub fn profiles_json() -> String {
    let operations: Map<String, Value> =
        OPERATIONS.iter().map(|declaration| (declaration.name.to_owned(), json!(declaration.profile))).collect();
    let kinds: Map<String, Value> =
        MediaKind::ALL.into_iter().map(|kind| (kind.name().to_owned(), needs_of_kind(kind))).collect();
    let all = json!({ "kinds": kinds, "operations": operations });
    serde_json::to_string_pretty(&all).expect("profiles are plain values") + "\n"
}

fn needs_of_kind(kind: MediaKind) -> Value {
    let most = |need: fn(&Profile) -> u32| Declaration::of_kind(kind).map(|declared| need(&declared.profile)).max();
    let small: Vec<Resources> = Declaration::of_kind(kind).map(|declared| declared.profile.resources.at(0)).collect();
    json!({
        "vcpus": small.iter().map(|resources| resources.vcpus).max(),
        "memoryMib": small.iter().map(|resources| resources.memory).max(),
        "diskGib": most(|profile| profile.disk_gib),
        "timeFactor": most(|profile| profile.time_factor),
        "gpus": most(|profile| u32::from(profile.executor == ExecutorClass::Gpu)),
        "inParts": Declaration::of_kind(kind).any(|declared| declared.profile.sharding.is_some()),
    })
}

fn write_profile(page: &mut String, declaration: &Declaration) {
    let profile = &declaration.profile;
    let formats: Vec<_> = profile.accepts.iter().map(|format| format.name()).collect();
    let list = |values: &[&str]| values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    let also: Vec<_> = profile.also_accepts.iter().map(|format| format.name()).collect();
    let also = if also.is_empty() { String::new() } else { format!(", and {} where it is asked for", also.join(", ")) };
    let _ = writeln!(page, "\nAccepts {}{also}; writes {}.", formats.join(", "), list(profile.produces));
    let mut facts = vec![match profile.access {
        Access::Whole => "The input is fetched as a whole".to_owned(),
        Access::Ranged => "Only the ranges of the input that are needed are fetched".to_owned(),
    }];
    if profile.time_factor > 1 {
        facts.push(format!("it may take {} times the limits on time", profile.time_factor));
    }
    if profile.streams_outputs {
        facts.push("large outputs are stored while it is still running".to_owned());
    }
    if let Some(sharding) = &profile.sharding {
        let mib = sharding.bytes_per_shard >> 20;
        facts.push(format!(
            "up to {} containers can share one object, with {mib} MiB or more for each",
            sharding.max_shards
        ));
    }
    match profile.fast_path {
        Some(FastPath { max_bytes: u64::MAX, .. }) => {
            facts.push("inputs of any size may take the fast path".to_owned());
        }
        Some(FastPath { max_bytes, .. }) => {
            facts.push(format!("inputs up to {} MiB may take the fast path", max_bytes >> 20));
        }
        None => {}
    }
    if !profile.weights.is_empty() {
        let by_default = declaration.name.parse::<Operations>();
        let is_optional = by_default.is_ok_and(|operations| operations.first().weights().is_empty());
        let when = if is_optional { "with some options " } else { "" };
        facts.push(format!("{when}it needs the weights {}", list(profile.weights)));
    }
    let _ = writeln!(page, "{}.", facts.join("; "));
    let sizes = ResourcesBySize::STEPS.map(|bytes| bytes - 1).into_iter().chain([u64::MAX]);
    let resources = sizes.map(|bytes| {
        let Resources { vcpus, memory } = profile.resources.at(bytes);
        format!("{vcpus} vCPU, {} GiB", memory / 1024)
    });
    let resources: Vec<_> = resources.collect();
    let _ = writeln!(
        page,
        "Resources in AWS (executor `{}`): {} for objects below 32 MiB; {} below 256 MiB; {} below 2 GiB; {} above.",
        word(&profile.executor),
        resources[0],
        resources[1],
        resources[2],
        resources[3]
    );
}

/// A value's name, as serde writes it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => unreachable!("{other:?} is not a word"),
    }
}

fn write_operation(page: &mut String, declaration: &Declaration) {
    let _ = write!(page, "\n### {}\n\n{}.\n\n", declaration.name, declaration.about);
    for (example, effect) in declaration.examples {
        let in_tag = tag_of(example).map(|tag| format!("; in a tag `{tag}`")).unwrap_or_default();
        let _ = writeln!(page, "- `{example}`{in_tag}: {effect}");
    }
    write_profile(page, declaration);
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
