//! The environment variables of a Lambda: declared once per crate, read here, and compared with Terraform's by a test.

use std::borrow::Cow;
use std::collections::HashMap;

use contract::Failure;

/// An environment variable that a program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its value if it is not set; `None` if the program cannot do without it.
    pub default: Option<&'static str>,
    /// What it means, with its unit.
    pub meaning: Cow<'static, str>,
}

impl Variable {
    /// One that the program cannot do without.
    pub fn required(name: impl Into<Cow<'static, str>>, meaning: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), default: None, meaning: meaning.into() }
    }

    /// One that may be left out (or empty). An empty default means "none".
    pub fn optional(
        name: impl Into<Cow<'static, str>>,
        default: &'static str,
        meaning: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), default: Some(default), meaning: meaning.into() }
    }
}

/// The values of a program's declared variables.
#[derive(Debug, Clone)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// Reads the variables of this process. Every one that is missing is named in one message.
    pub fn read(variables: &[Variable]) -> Result<Self, Failure> {
        Self::from_lookup(variables, |name| std::env::var(name).ok())
    }

    /// Reads the variables from anywhere.
    pub fn from_lookup(variables: &[Variable], lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let mut values = HashMap::new();
        let mut missing = Vec::new();
        for variable in variables {
            let name = variable.name.as_ref();
            match (lookup(name).filter(|value| !value.is_empty()), variable.default) {
                (Some(value), _) => drop(values.insert(name.to_owned(), value)),
                (None, Some(default)) => drop(values.insert(name.to_owned(), default.to_owned())),
                (None, None) => missing.push(format!("{name} ({})", variable.meaning)),
            }
        }
        if missing.is_empty() {
            return Ok(Self(values));
        }
        Err(Failure::invalid_request(format!("environment variables are not set: {}", missing.join("; "))))
    }

    /// The value of a declared variable; empty if it has none.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("{name} is not declared"))
    }

    /// The value of a declared variable, or nothing where it is empty.
    pub fn get_optional(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    /// A number. The message of a failure names the variable.
    pub fn number(&self, name: &str) -> Result<u64, Failure> {
        let value = self.get(name);
        value.parse().map_err(|_| Failure::invalid_request(format!("{name}={value:?} is not a whole number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> [Variable; 3] {
        [
            Variable::required("BUCKET", "a bucket"),
            Variable::required("QUEUE", "a queue"),
            Variable::optional("DAYS", "30", "days"),
        ]
    }

    #[test]
    fn every_missing_variable_is_named_at_once() {
        let message = Environment::from_lookup(&variables(), |_| None).unwrap_err().to_string();
        assert!(message.contains("BUCKET (a bucket)") && message.contains("QUEUE") && !message.contains("DAYS"));
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let all = |name: &str| Some(if name == "DAYS" { String::new() } else { "x".to_owned() });
        let environment = Environment::from_lookup(&variables(), all).unwrap();
        assert_eq!(environment.number("DAYS").unwrap(), 30);
        assert!(environment.number("BUCKET").unwrap_err().to_string().contains("BUCKET"));
    }
}
