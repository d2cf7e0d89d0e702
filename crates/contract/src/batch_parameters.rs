//! What a Batch job is told of its work by parameters: dispatch writes them with the submission, Batch repeats them in every
//! event of the job, and output reads them there.

use std::collections::HashMap;

/// The parameters of a job that dispatch submitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchParameters {
    /// URL of the job's list of requests, as the container reads it.
    pub manifest: String,
    /// Key of that list in the bucket `S3_WORK`.
    pub list: String,
    /// Containers that share the list; 1 for a job that takes all of it.
    pub children: usize,
    /// The object, where the job has only one. A job definition uses it for jobs submitted by hand, too.
    pub input: Option<String>,
    /// What is done with that object, secrets redacted.
    pub processing_option: Option<String>,
}

impl BatchParameters {
    /// See [`Self::manifest`].
    pub const MANIFEST: &str = "manifest";
    /// See [`Self::list`].
    pub const LIST: &str = "list";
    /// See [`Self::children`].
    pub const CHILDREN: &str = "children";
    /// See [`Self::input`].
    pub const INPUT: &str = "input";
    /// See [`Self::processing_option`].
    pub const PROCESSING_OPTION: &str = "processingOption";

    /// Names and values for SubmitJob.
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        let pairs = [
            (Self::MANIFEST, Some(self.manifest.clone())),
            (Self::LIST, Some(self.list.clone())),
            (Self::CHILDREN, Some(self.children.to_string())),
            (Self::INPUT, self.input.clone()),
            (Self::PROCESSING_OPTION, self.processing_option.clone()),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Reads them from an event; `None` for a job without a list, which somebody submitted by hand.
    pub fn from_map(parameters: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| parameters.get(name).cloned();
        Some(Self {
            list: text(Self::LIST)?,
            manifest: text(Self::MANIFEST).unwrap_or_default(),
            children: text(Self::CHILDREN).and_then(|children| children.parse().ok()).unwrap_or(1),
            input: text(Self::INPUT),
            processing_option: text(Self::PROCESSING_OPTION),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dispatch_writes_is_what_output_reads() {
        let one = BatchParameters {
            manifest: "s3://work/lists/a.jsonl".to_owned(),
            list: "lists/a.jsonl".to_owned(),
            children: 3,
            input: Some("s3://in/a.jpg".to_owned()),
            processing_option: Some("resize".to_owned()),
        };
        let many = BatchParameters { input: None, processing_option: None, ..one.clone() };
        for parameters in [one, many] {
            assert_eq!(BatchParameters::from_map(&parameters.to_pairs().into_iter().collect()), Some(parameters));
        }
    }

    #[test]
    fn a_job_submitted_by_hand_has_no_list() {
        let by_hand = HashMap::from([("input".to_owned(), "s3://in/a.jpg".to_owned())]);
        assert_eq!(BatchParameters::from_map(&by_hand), None);
    }
}
