//! Amazon's managed engines in the process of moto's server: `engines.py`, which says what it checks and how it answers.

use serde_json::{Value, json};

use crate::aws::{Aws, signed_by, unique};

/// An access key of a test, to which the emulator's faults and its journal of calls belong.
pub struct Engines<'a> {
    aws: &'a Aws,
    key: String,
}

impl<'a> Engines<'a> {
    /// A key of its own.
    pub fn new(aws: &'a Aws) -> Self {
        // The emulator has them do its work.
        crate::binary("image-job");
        crate::binary("document-job");
        crate::binary("video-job");
        Self { aws, key: unique("engines") }
    }

    /// The environment variables that lead a program to it.
    pub fn environment(&self) -> Vec<(String, String)> {
        signed_by(&self.key, self.aws.environment())
    }

    /// Has the next calls of an action refused with a code.
    pub fn refuse(&self, service: &str, action: &str, code: &str, times: u32) {
        self.fault(&json!({ "service": service, "action": action, "code": code, "times": times }));
    }

    /// Has the next job of MediaConvert end with an error code.
    pub fn fail_media_job(&self, code: u32) {
        self.fault(&json!({ "service": "mediaconvert", "action": "Job", "code": code.to_string() }));
    }

    /// Has the next job of MediaConvert take so many seconds.
    pub fn slow_media_job(&self, seconds: u32) {
        self.fault(&json!({ "service": "mediaconvert", "action": "Job", "crawl": seconds }));
    }

    /// Has the next answer to an action broken off in its middle.
    pub fn cut(&self, service: &str, action: &str) {
        self.fault(&json!({ "service": service, "action": action, "cut": true }));
    }

    fn fault(&self, fault: &Value) {
        let mut fault = fault.clone();
        fault["key"] = self.key.as_str().into();
        self.aws.post("/moto-api/engines/faults", "application/json", "", &fault.to_string());
    }

    /// What was asked, in order: `rekognition DetectLabels`.
    pub fn calls(&self) -> Vec<String> {
        let said = self.aws.post(&format!("/moto-api/engines/calls?{}", self.key), "application/json", "", "");
        let calls: Vec<Value> = serde_json::from_str(&said).expect("the journal is JSON");
        let text = |call: &Value, name: &str| call[name].as_str().expect("it is a text").to_owned();
        calls.iter().map(|call| text(call, "service") + " " + &text(call, "action")).collect()
    }
}
