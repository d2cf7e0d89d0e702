//! One word everywhere: the kinds in catalog, the container images and Terraform's map; the exit codes and the
//! retry rules; the alarms and their runbook; the metrics that are printed, watched and described.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use catalog::{Engine, MediaKind, Service};
use contract::{FailureKind, metrics};

/// Every family of metrics that is printed.
const FAMILIES: [&metrics::Family; 7] = [
    &metrics::OPERATIONS,
    &metrics::USAGE,
    &metrics::FAST,
    &metrics::UPLOADS,
    &metrics::TURNAROUND,
    &metrics::SWEEPS,
    &metrics::BUDGET,
];

#[test]
fn terraforms_map_of_kinds_is_that_of_catalog() {
    let kinds = read("terraform/modules/pipeline/kinds.tf");
    for kind in MediaKind::ALL {
        let line = kinds
            .lines()
            .find(|line| line.trim_start().split([' ', '=']).next() == Some(kind.name()))
            .unwrap_or_else(|| panic!("terraform/modules/pipeline/kinds.tf has no {kind}"));
        for (setting, word) in [("queue_variable", kind.queue_variable()), ("job", kind.job_name())] {
            assert!(line.contains(&format!("{setting} = \"{word}\"")), "{kind}: {setting} should be {word}: {line}");
        }
    }
    let lines = kinds.lines().filter(|line| line.contains("queue_variable = \"")).count();
    assert_eq!(lines, MediaKind::ALL.len(), "a kind of terraform/modules/pipeline/kinds.tf that catalog does not have");
}

/// Terraform itself passes over what a root does not hand on.
#[test]
fn terraforms_root_hands_every_variable_to_the_module() {
    let root = read("terraform/main.tf");
    let variables = read("terraform/modules/pipeline/variables.tf");
    let names: Vec<&str> =
        variables.lines().filter_map(|line| line.strip_prefix("variable \"")?.strip_suffix("\" {")).collect();
    assert!(names.len() > 20);
    for name in names {
        let is_handed_on = |line: &str| {
            line.split_once('=')
                .is_some_and(|(left, right)| left.trim() == name && right.trim() == format!("var.{name}"))
        };
        assert!(root.lines().any(is_handed_on), "terraform/main.tf does not hand {name} on");
    }
}

#[test]
fn jobs_may_ask_the_engines_what_the_operations_of_their_kind_ask() {
    let module = read("terraform/modules/pipeline/main.tf");
    let block =
        module.split_once("  engine_actions = {").expect("engine_actions").1.split_once("\n  }\n").expect("its end").0;
    for kind in MediaKind::ALL {
        let of_kind = block
            .split_once(&format!("    {kind} = {{"))
            .map(|(_, rest)| rest.split_once("\n    }").expect("an end").0);
        let engines = catalog::Declaration::of_kind(kind).flat_map(|declaration| declaration.profile.engines);
        let engines: Vec<&Engine> = engines.collect();
        let given: BTreeSet<&str> = of_kind.unwrap_or_default().split('"').filter(|word| word.contains(':')).collect();
        for engine in Service::ALL.map(Service::engine) {
            let name = serde_json::to_value(engine).unwrap().as_str().unwrap().to_owned();
            let asked = Service::ALL.iter().filter(|service| service.engine() == engine).count();
            let expected = if engines.contains(&&engine) { asked } else { 0 };
            let found = given.iter().filter(|action| action.split(':').next() == Some(&name)).count();
            assert_eq!(found, expected, "{kind}: {name}: {given:?}");
        }
    }
}

#[test]
fn estimates_are_made_of_the_price_list() {
    let list: toml::Table = read("docs/cost/prices-us-east-1.toml").parse().expect("the price list is TOML");
    let price = |name: &str| list["prices"][name]["usd"].as_float().unwrap_or_else(|| panic!("{name} has no price"));
    let (read_price, write_price) = (contract::Prices::READ, contract::Prices::WRITE);
    assert!((read_price - price("s3_get")).abs() < 1e-12 && (write_price - price("s3_put")).abs() < 1e-12);
    for (name, used) in [
        ("textract_page", contract::Prices::TEXTRACT_PAGE),
        ("rekognition_image", contract::Prices::REKOGNITION_IMAGE),
        ("comprehend_unit", contract::Prices::COMPREHEND_UNIT),
        // The list has a minute of high definition, which is billed as two.
        ("mediaconvert_minute", contract::Prices::MEDIACONVERT_MINUTE * 2.0),
    ] {
        assert!((used - price(name)).abs() < 1e-12, "{name}: {used}");
    }
    let module = read("terraform/modules/pipeline/main.tf");
    for (row, vcpu, gib) in [
        ("FARGATE_X86_64", price("fargate_vcpu_hour"), price("fargate_gib_hour")),
        ("FARGATE_ARM64", price("fargate_arm_vcpu_hour"), price("fargate_arm_gib_hour")),
        ("EC2", price("ec2_vcpu_hour"), 0.0),
    ] {
        let line = format!("{{ vcpu_hour = {vcpu}, gib_hour = {gib} }}");
        let is_row = |text: &str| text.trim_start().split(' ').next() == Some(row) && text.ends_with(&line);
        assert!(module.lines().any(is_row), "terraform/modules/pipeline/main.tf: {row} should be {line}");
    }
    // Rounded in Terraform: a function's seconds are a small part of a month's costs.
    let of_functions = find_value(&module, "lambda_gib_hour").expect("what a function costs");
    for (row, second) in [("x86_64", "lambda_gib_second"), ("arm64", "lambda_arm_gib_second")] {
        let told: f64 = before(of_functions.split(&format!("{row} = ")).nth(1).expect(row), ",")
            .trim_end_matches(" }")
            .parse()
            .unwrap();
        assert!((told / (price(second) * 3600.0) - 1.0).abs() < 1e-4, "{row}: {told}");
    }
}

#[test]
fn the_locations_of_the_readme_are_ones_that_the_programs_take() {
    let readme = read("README.md");
    let words = readme.split_whitespace().map(|word| word.trim_matches(|each: char| "'`,".contains(each)));
    let locations: Vec<&str> = words.filter(|word| word.starts_with("s3://")).collect();
    assert!(!locations.is_empty());
    for text in locations {
        assert!(text.parse::<contract::Location>().is_ok(), "{text}: {:?}", text.parse::<contract::Location>());
    }
}

#[test]
fn the_scratch_volume_is_where_the_images_have_theirs() {
    let folder = value_of(&read("terraform/modules/pipeline/main.tf"), "scratch_folder");
    assert!(read("docker/Dockerfile").lines().any(|line| line == format!("VOLUME {folder}")), "{folder}");
    let user = value_of(&read("terraform/modules/compute/definitions.tf"), "user");
    assert!(read("docker/Dockerfile").contains(&format!("USER {user}:{user}")), "{user}");
}

#[test]
fn batch_retries_what_is_temporary_and_a_host_that_went_away() {
    let definition = read("terraform/modules/compute/definitions.tf");
    let retried = definition.split("  retried = {\n").nth(1).and_then(|rest| rest.split("\n  }\n").next());
    let places: Vec<&str> = retried.expect("what is tried again, by place").split("    ]").collect();
    let (_, places) = places.split_last().expect("places");
    assert_eq!(places.len(), 3, "Fargate, EC2 and EKS");
    let temporary: Vec<String> = FailureKind::ALL
        .iter()
        .filter(|kind| **kind == FailureKind::Temporary)
        .map(|kind| kind.exit_code().to_string())
        .collect();
    for place in places {
        let codes: Vec<&str> =
            place.split("on_exit_code = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(codes, temporary, "{place}");
        let rules = place.lines().filter(|line| line.trim_start().starts_with('{')).count();
        assert!(rules <= 4, "AWS Batch takes five rules, and the last one is for everything else: {place}");
    }
    let rules: Vec<&str> =
        definition.split("    evaluate_on_exit {").skip(1).map(|rule| rule.split('}').next().unwrap()).collect();
    let last = rules.last().expect("there are rules");
    assert_eq!((value_of(last, "action").as_str(), value_of(last, "on_reason").as_str()), ("EXIT", "*"));
}

#[test]
fn every_alarm_has_a_section_that_says_what_to_do() {
    let alarms = read("terraform/modules/monitoring/alarms.tf");
    let map =
        alarms.split("  alarms = {\n").nth(1).and_then(|rest| rest.split("\n  }\n").next()).expect("a map of alarms");
    let declared: BTreeSet<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" = {"))
        .filter(|name| !name.starts_with(' '))
        .collect();
    let page = read("docs/monitoring.md");
    let runbook = page.split("\n## What to do").nth(1).expect("docs/monitoring.md has the section What to do");
    let described: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(!declared.is_empty());
    assert_eq!(declared, described);
}

#[test]
fn alarms_and_dashboard_read_metrics_that_are_printed() {
    let mut printed: BTreeSet<Metric> = BTreeSet::new();
    for family in FAMILIES {
        for (name, _) in family.metrics {
            printed.extend(family.dimensions.iter().map(|names| metric(name, names.iter().copied())));
        }
    }
    let counted = read("terraform/modules/monitoring/events.tf");
    for block in counted.split("metric     = \"").skip(1) {
        let dimensions = block.split("dimensions = ").nth(1).expect("dimensions after a metric's name");
        printed.insert(metric(before(block, "\""), map_keys(dimensions)));
    }

    let alarms = read("terraform/modules/monitoring/alarms.tf");
    let watched = alarms.split("namespace = local.namespace, name = \"").skip(1).map(|alarm| {
        let dimensions = alarm.split("dimensions = ").nth(1).expect("dimensions after a metric's name");
        metric(before(alarm, "\""), map_keys(dimensions))
    });
    let dashboard = read("terraform/modules/monitoring/dashboard.tf");
    let drawn = dashboard.lines().flat_map(|line| {
        let widgets = line.match_indices("[local.namespace, ").map(|(place, start)| line.split_at(place + start.len()));
        widgets.flat_map(move |(loops, widget)| {
            let words: Vec<&str> =
                before(widget, "{").split(", ").map(str::trim).filter(|word| !word.is_empty()).collect();
            let (name, dimensions) = words.split_first().expect("a metric's name");
            let names = if let Some(name) = name.strip_prefix('"') {
                vec![name.trim_end_matches('"')]
            } else {
                // A variable, of a loop in the same line.
                let list = loops.split(&format!("for {name} in [")).nth(1);
                let list = list.unwrap_or_else(|| panic!("no loop over {name}: {line}"));
                before(list, "]").split(", ").map(|name| name.trim_matches('"')).collect()
            };
            names
                .into_iter()
                .map(|name| metric(name, dimensions.iter().step_by(2).map(|name| name.trim_matches('"'))))
                .collect::<Vec<_>>()
        })
    });
    let read: BTreeSet<Metric> = watched.chain(drawn).collect();
    assert!(read.len() > 15, "{read:#?}");
    let unknown: Vec<_> = read.difference(&printed).collect();
    assert!(unknown.is_empty(), "read by terraform/modules/monitoring, but printed and counted nowhere: {unknown:#?}");
}

#[test]
fn the_page_on_monitoring_names_every_metric() {
    let page = read("docs/monitoring.md");
    for (name, _) in FAMILIES.into_iter().flat_map(|family| family.metrics) {
        assert!(page.contains(&format!("`{name}`")), "docs/monitoring.md does not name {name}");
    }
}

/// A metric's name and those of its dimensions.
type Metric = (String, BTreeSet<String>);

fn metric<'a>(name: &str, dimensions: impl Iterator<Item = &'a str>) -> Metric {
    (name.to_owned(), dimensions.map(str::to_owned).collect())
}

/// The names in `{ name = value, … }`; none of `null`.
fn map_keys(text: &str) -> impl Iterator<Item = &str> {
    let map = text.strip_prefix('{').map_or("", |map| before(map, "}"));
    map.split(',').filter_map(|entry| Some(entry.split_once('=')?.0.trim()))
}

fn before<'a>(text: &'a str, end: &str) -> &'a str {
    text.split(end).next().unwrap_or(text)
}

/// The value of `name = value`, unquoted.
fn value_of(text: &str, name: &str) -> String {
    find_value(text, name).unwrap_or_else(|| panic!("there is no {name}"))
}

fn find_value(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (left, right) = line.split_once('=')?;
        (left.trim() == name).then(|| right.trim().trim_matches('"').to_owned())
    })
}

fn read(path: &str) -> String {
    fs_err::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{error}"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
