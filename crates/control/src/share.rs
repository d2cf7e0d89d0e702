//! Whose an upload is, for fair shares of a kind's capacity, and how urgent it is.
//!
//! AWS Batch gives the shares of a queue about as much capacity each, whoever submits more, and within a share starts the jobs of higher
//! priority first (Batch User Guide, "Fair-share scheduling policies"). An uploader may say both in the object's metadata, the priority
//! within the bound that the operator sets; or the share is the first folder of the key.

use contract::Failure;

use crate::environment::Environment;
use crate::identity;

/// The share of uploads that have none of their own.
pub const DEFAULT_SHARE: &str = "default";

/// The longest name that is kept beside its hash.
const MAX_NAME: usize = 40;

/// AWS Batch's limit on a share identifier.
const MAX_IDENTIFIER: usize = 255;

/// By what uploads are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShareBy {
    /// They are not.
    #[default]
    Nothing,
    /// The first folder of the key.
    Prefix,
    /// User metadata `share`.
    Metadata,
}

/// How shares and priorities are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// By what uploads are told apart.
    pub by: ShareBy,
    /// The highest priority that user metadata `priority` may ask for; 0 for none at all.
    pub max_priority: u32,
}

impl Shares {
    /// Reads them from the environment.
    pub fn read(environment: &Environment) -> Result<Self, Failure> {
        let by = match environment.get("SHARE_BY") {
            "" => ShareBy::Nothing,
            "prefix" => ShareBy::Prefix,
            "metadata" => ShareBy::Metadata,
            other => {
                return Err(Failure::invalid_request(format!("SHARE_BY={other:?} is none of prefix and metadata")));
            }
        };
        let max_priority = u32::try_from(environment.number("MAX_PRIORITY")?).unwrap_or(u32::MAX).min(9999);
        Ok(Self { by, max_priority })
    }

    /// The share of an upload; none if uploads are not told apart.
    pub fn share(&self, key: &str, metadata: Option<&str>) -> Option<String> {
        let name = match self.by {
            ShareBy::Nothing => return None,
            ShareBy::Prefix => key.split_once('/').map(|(folder, _)| folder),
            ShareBy::Metadata => metadata.map(str::trim),
        };
        let name = name.filter(|name| !name.is_empty());
        Some(name.map_or_else(|| DEFAULT_SHARE.to_owned(), identifier))
    }

    /// The priority of an upload that asks for one: what is not a number counts as 0, and what is above the bound as the bound.
    pub fn priority(&self, metadata: Option<&str>) -> u32 {
        let asked = metadata.and_then(|text| text.trim().parse::<u32>().ok());
        asked.unwrap_or_default().min(self.max_priority)
    }
}

/// A name as AWS Batch takes it: letters and digits. One that has others is told apart from those like it by a hash.
fn identifier(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    if name.len() <= MAX_IDENTIFIER && name.chars().all(is_plain) {
        return name.to_owned();
    }
    let plain: String = name.chars().filter(|c| is_plain(*c)).take(MAX_NAME).collect();
    plain + &identity::short_hash(&[name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_first_folder_or_what_metadata_says() {
        let by = |by| Shares { by, max_priority: 0 };
        assert_eq!(by(ShareBy::Nothing).share("team/a.jpg", Some("x")), None);
        let prefix = by(ShareBy::Prefix);
        assert_eq!(prefix.share("team7/photos/a.jpg", Some("x")).as_deref(), Some("team7"));
        assert_eq!(prefix.share("a.jpg", None).as_deref(), Some(DEFAULT_SHARE));
        assert_eq!(by(ShareBy::Metadata).share("team/a.jpg", Some(" x ")).as_deref(), Some("x"));
        assert_eq!(by(ShareBy::Metadata).share("team/a.jpg", None).as_deref(), Some(DEFAULT_SHARE));
    }

    #[test]
    fn names_that_batch_does_not_take_are_told_apart_all_the_same() {
        let share = |key: &str| Shares { by: ShareBy::Prefix, max_priority: 0 }.share(key, None).unwrap();
        for key in ["team-7/a", "team_7/a", "ü/a", "\u{1F600}/a"] {
            let share = share(key);
            assert!(share.bytes().all(|byte| byte.is_ascii_alphanumeric()) && share.len() <= 255, "{share}");
        }
        assert_ne!(share("team-7/a"), share("team_7/a"));
        assert_eq!(share("team-7/a"), share("team-7/b"));
        assert!(share(&format!("{}/a", "x".repeat(300))).len() <= 255);
    }

    #[test]
    fn a_priority_is_within_the_operators_bound() {
        let shares = Shares { by: ShareBy::Nothing, max_priority: 10 };
        for (asked, priority) in [(None, 0), (Some("3"), 3), (Some("11"), 10), (Some("-1"), 0), (Some("high"), 0)] {
            assert_eq!(shares.priority(asked), priority, "{asked:?}");
        }
        assert_eq!(Shares::default().priority(Some("5")), 0);
    }
}
