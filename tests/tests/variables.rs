//! The variables that a Lambda declares are those that Terraform gives it: no more and no less.

use std::collections::BTreeSet;
use std::path::Path;

use catalog::MediaKind;
use control::environment::Variable;

#[test]
fn terraform_gives_every_lambda_the_variables_that_it_declares() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/modules/pipeline/main.tf");
    let terraform = fs_err::read_to_string(path).expect("Terraform's module");
    let environments = section(&terraform, "  environments = {", "\n  }\n");
    let output = section(&terraform, "\n  output_environment = merge(", "\n  )");
    for (name, declared) in [
        ("classify", control::classify::environment::variables()),
        ("dispatch", control::dispatch::environment::variables()),
        ("output", control::output::environment::variables()),
    ] {
        let block =
            if name == "output" { output } else { section(environments, &format!("\n    {name} = merge("), "\n    )") };
        let given = names_in(block);
        assert_eq!(given, declared.iter().map(|variable: &Variable| variable.name.to_string()).collect(), "{name}");
    }
}

fn section<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("Terraform's module has no {start:?}")).1;
    // The maps of `merge(a, {` end with the brace before the parenthesis.
    let until = [end.to_owned(), end.replace("    )", "    })")];
    let length = until.iter().filter_map(|end| rest.find(end.as_str())).min();
    &rest[..length.unwrap_or_else(|| panic!("{start:?} does not end"))]
}

fn names_in(block: &str) -> BTreeSet<String> {
    let is_name = |word: &str| word.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let plain = block.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim());
    let mut names: BTreeSet<String> =
        plain.filter(|name| !name.is_empty() && is_name(name)).map(str::to_owned).collect();
    for kind in MediaKind::ALL {
        let upper = kind.name().to_ascii_uppercase();
        let of_kind = [
            ("setting.queue_variable => ", kind.queue_variable().to_owned()),
            ("${setting.queue_variable}_DLQ", format!("{}_DLQ", kind.queue_variable())),
            ("BATCH_QUEUE_${upper(kind)}\"", format!("BATCH_QUEUE_{upper}")),
            ("BATCH_QUEUE_${upper(kind)}_ON_DEMAND", format!("BATCH_QUEUE_{upper}_ON_DEMAND")),
            ("\"FAST_${upper(kind)}\"", format!("FAST_{upper}")),
            ("FALLBACK_${setting.queue_variable}", format!("FALLBACK_{}", kind.queue_variable())),
            ("BATCH_DEFINITION_${upper(kind)}\"", format!("BATCH_DEFINITION_{upper}")),
            ("BATCH_DEFINITION_${upper(kind)}_SMALL_DISK", format!("BATCH_DEFINITION_{upper}_SMALL_DISK")),
        ];
        names.extend(of_kind.into_iter().filter(|(text, _)| block.contains(text)).map(|(_, name)| name));
    }
    if block.contains("local.log_environment") {
        names.insert("RUST_LOG".to_owned());
    }
    names
}
