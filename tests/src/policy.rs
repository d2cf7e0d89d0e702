//! Whether the programs may do what they do, and what they may do and never did: the requests that the emulator noted, by program,
//! against the policies that Terraform made. Only what those policies use is evaluated; anything else stops the test, so that it
//! cannot be taken for allowed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::aws::{Aws, REGION};

/// The rights of programs, by the word that their requests are signed with.
#[derive(Debug)]
pub struct Rights(BTreeMap<String, Vec<Statement>>);

/// A statement that allows something.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    sid: String,
    #[expect(dead_code, reason = "that it is read at all refuses whatever is not Allow")]
    effect: Effect,
    action: Texts,
    resource: Texts,
}

#[derive(Debug, Deserialize)]
enum Effect {
    Allow,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Several(Vec<String>),
}

impl Texts {
    fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        }
    }
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Compared {
    /// What programs asked for and may not do: program, action, resource.
    pub missing: BTreeSet<(String, String, String)>,
    /// What programs may do and did not: program, the statement's id, action.
    pub unused: BTreeSet<(String, String, String)>,
    /// How many different things were asked for.
    pub asked: usize,
}

impl Rights {
    /// Those of the roles of an installation, and of its operator.
    ///
    /// # Panics
    ///
    /// For a policy that has something in it which this does not evaluate.
    pub fn of(aws: &Aws, installation: &str, operator_policy: &str) -> Self {
        let script = "import boto3, json\n\
                      iam = boto3.client('iam')\n\
                      policies = {}\n\
                      for role in iam.get_paginator('list_roles').paginate().search('Roles[].RoleName'):\n\
                      \x20   for name in iam.list_role_policies(RoleName=role)['PolicyNames']:\n\
                      \x20       policies.setdefault(role, []).append(iam.get_role_policy(RoleName=role, PolicyName=name)['PolicyDocument'])\n\
                      \x20   attached = iam.list_attached_role_policies(RoleName=role)['AttachedPolicies']\n\
                      \x20   policies.setdefault(role, []).extend({'attached': policy['PolicyArn']} for policy in attached)\n\
                      print(json.dumps(policies))\n";
        let output = aws.python().args(["-c", script]).output().expect("python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let roles: BTreeMap<String, Vec<Value>> = serde_json::from_slice(&output.stdout).expect("policies by role");
        let prefix = format!("{installation}-{REGION}-");
        let mut rights: BTreeMap<String, Vec<Statement>> = BTreeMap::new();
        for (role, policies) in roles {
            let Some(program) = role.strip_prefix(&prefix) else { continue };
            let statements = rights.entry(program.to_owned()).or_default();
            for policy in policies {
                statements.extend(statements_of(&role, policy));
            }
        }
        let operator = serde_json::from_str(operator_policy).expect("the operator's policy is JSON");
        rights.insert("operator".to_owned(), statements_of("operator", operator));
        Self(rights)
    }

    /// Compares them with what programs have asked the emulator for.
    ///
    /// # Panics
    ///
    /// For a request of a program that has no role.
    pub fn compare(&self, aws: &Aws) -> Compared {
        let recorded: Vec<(String, String, String)> = serde_json::from_str(&aws.fetch("/recorded")).expect("triples");
        let mut compared = Compared { asked: recorded.len(), ..Compared::default() };
        let mut used: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
        let programs: BTreeSet<&str> = recorded.iter().map(|(program, ..)| program.as_str()).collect();
        for (program, action, resource) in &recorded {
            let statements = self.0.get(program).unwrap_or_else(|| panic!("{program} has no role"));
            let mut is_allowed = false;
            for statement in statements {
                let fitting = statement.action.all().iter().filter(|pattern| fits(pattern, action));
                if !statement.resource.all().iter().any(|pattern| fits(pattern, resource)) {
                    continue;
                }
                for pattern in fitting {
                    is_allowed = true;
                    used.insert((program, &statement.sid, pattern));
                }
            }
            if !is_allowed {
                compared.missing.insert((program.clone(), action.clone(), resource.clone()));
            }
        }
        // Of a program that was not run it is not known what it uses.
        for (program, statements) in self.0.iter().filter(|(program, _)| programs.contains(program.as_str())) {
            for statement in statements {
                for action in statement.action.all() {
                    if !used.contains(&(program.as_str(), statement.sid.as_str(), action.as_str())) {
                        compared.unused.insert((program.clone(), statement.sid.clone(), action.clone()));
                    }
                }
            }
        }
        compared
    }
}

fn statements_of(role: &str, mut policy: Value) -> Vec<Statement> {
    let statements = policy["Statement"].take();
    serde_json::from_value(statements).unwrap_or_else(|error| panic!("{role}: {error}: {policy}"))
}

/// Whether a pattern of a policy, in which `*` and `?` stand for anything, fits a text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pattern_at = pattern.chars();
    match pattern_at.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern_at.as_str();
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| fits(rest, &text[at..]))
        }
        Some(wanted) => {
            let mut text_at = text.chars();
            text_at
                .next()
                .is_some_and(|found| (wanted == '?' || wanted == found) && fits(pattern_at.as_str(), text_at.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_as_iam_says() {
        assert!(fits("arn:aws:s3:::in/*", "arn:aws:s3:::in/a/b.jpg"));
        assert!(fits("arn:aws:s3:::out/*/manifest.json", "arn:aws:s3:::out/a/resize/manifest.json"));
        assert!(!fits("arn:aws:s3:::out/*/manifest.json", "arn:aws:s3:::out/a/resize/0.webp"));
        assert!(!fits("arn:aws:s3:::in/*", "arn:aws:s3:::in"));
        assert!(fits("dynamodb:?etItem", "dynamodb:GetItem"));
    }

    #[test]
    #[should_panic(expected = "Condition")]
    fn what_is_not_evaluated_is_not_taken_for_allowed() {
        let statement = serde_json::json!({"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {}});
        statements_of("role", serde_json::json!({"Statement": [statement]}));
    }
}
