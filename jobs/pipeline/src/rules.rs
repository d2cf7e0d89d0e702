//! The file of rules: what is done with which files.

use std::path::Path;

use catalog::{MediaKind, Rules};
use contract::Failure;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Rule {
    r#match: String,
    kind: Option<MediaKind>,
    processing_option: String,
}

/// Reads a file of rules; every rule is checked before the first file is looked at.
pub(crate) fn read_rules(path: &Path) -> Result<Rules, Failure> {
    let invalid = |reason: &dyn std::fmt::Display| Failure::invalid_request(format!("{}: {reason}", path.display()));
    let text = fs_err::read_to_string(path).map_err(|error| Failure::invalid_request(error.to_string()))?;
    let file: RulesFile = toml::from_str(&text).map_err(|error| invalid(&error))?;
    let mut rules = Rules::default();
    for rule in file.rule {
        rules.add(&rule.r#match, rule.kind, &rule.processing_option).map_err(|error| invalid(&error))?;
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rules, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), text).unwrap();
        read_rules(file.path()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn mistakes_are_named() {
        assert!(read("[[rule]]\nmatch = 'a/**'\nprocessing-option = 'resize?width=8'").is_ok());
        assert!(read("[[rule]]\nmatch = 'a'\nprocessing-option = 'resise'").unwrap_err().contains("resise"));
        assert!(read("[[rule]]\nmatch = 'a'\noption = 'text'").unwrap_err().contains("option"));
        assert!(
            read("[[rule]]\nmatch = 'a'\nkind = 'audio'\nprocessing-option = 'text'").unwrap_err().contains("audio")
        );
    }
}
