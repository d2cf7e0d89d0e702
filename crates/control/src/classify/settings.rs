//! What is configured for classify.

use std::time::Duration;

use catalog::{MediaKind, PerKind, Rules};
use contract::Failure;
use serde::Deserialize;

use crate::classify::environment::fast_queue_variable;
use crate::environment::Environment;
use crate::share::Shares;

/// What is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bucket of the uploads.
    pub bucket: String,
    /// URL of each kind's queue.
    pub queues: PerKind<String>,
    /// URL of each kind's fast queue, where the kind has one.
    pub fast_queues: PerKind<Option<String>>,
    /// How long work on the fast path may be expected to take.
    pub fast_most: Duration,
    /// Processing-options by key.
    pub rules: Rules,
    /// Whose uploads are, and how urgent.
    pub shares: Shares,
    /// Days after which a record may expire.
    pub record_days: u64,
    /// Pages of the bucket that a sweep walks through; 0 for no walk.
    pub walk_pages: u64,
}

/// One rule of `PROCESSING_RULES`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    glob: String,
    #[serde(default)]
    kind: Option<MediaKind>,
    processing_option: String,
    #[serde(default)]
    fast: FastWord,
}

/// Whether the uploads of a rule may take the fast path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FastWord {
    /// As far as their operations do.
    #[default]
    Auto,
    /// They do not.
    Off,
}

impl Settings {
    /// Reads them from the environment. A rule that cannot be used is an error at the start, not at the first upload.
    pub fn read(environment: &Environment) -> Result<Self, Failure> {
        let mut rules = Rules::default();
        if let Some(text) = environment.get_optional("PROCESSING_RULES") {
            let unusable = |reason: String| Failure::invalid_request(format!("PROCESSING_RULES: {reason}"));
            let list: Vec<Rule> = serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
            for rule in list {
                let added = rules.add(&rule.glob, rule.kind, &rule.processing_option);
                added.map_err(|error| unusable(error.to_string()))?;
                if rule.fast == FastWord::Off {
                    rules.without_fast_path();
                }
            }
        }
        Ok(Self {
            bucket: environment.get("S3_INPUT").to_owned(),
            queues: PerKind::from_fn(|kind| environment.get(kind.queue_variable()).to_owned()),
            fast_queues: PerKind::from_fn(|kind| {
                environment.get_optional(&fast_queue_variable(kind)).map(str::to_owned)
            }),
            fast_most: Duration::from_secs(environment.number("FAST_MAX_SECONDS")?),
            rules,
            shares: Shares::read(environment)?,
            record_days: environment.number("RECORD_DAYS")?,
            walk_pages: environment.number("WALK_PAGES")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::environment::variables;

    fn read(rules: &'static str) -> Result<Settings, Failure> {
        let lookup = |name: &str| {
            Some(match name {
                "PROCESSING_RULES" => rules.to_owned(),
                "SHARE_BY" => String::new(),
                _ => "1".to_owned(),
            })
        };
        Settings::read(&Environment::from_lookup(&variables(), lookup).unwrap())
    }

    #[test]
    fn a_rule_that_cannot_be_used_is_an_error_at_the_start() {
        let good = r#"[{"glob": "photos/**", "kind": "image", "processingOption": "resize?width=800"}]"#;
        assert!(read(good).is_ok());
        let without = r#"[{"glob": "**", "kind": "image", "processingOption": "convert", "fast": "off"}]"#;
        assert!(read(without).is_ok());
        for bad in [
            "{",
            r#"[{"glob": "x", "processingOption": "resise"}]"#,
            r#"[{"glob": "x", "option": "text"}]"#,
            r#"[{"glob": "x", "processingOption": "text", "fast": "on"}]"#,
        ] {
            assert!(read(bad).unwrap_err().to_string().contains("PROCESSING_RULES"), "{bad}");
        }
    }
}
