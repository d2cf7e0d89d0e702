//! What a server of AWS's APIs has.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::Aws;

/// Names by service and kind of thing, such as `sqs QueueUrls`.
pub type Inventory = BTreeMap<String, BTreeSet<String>>;

impl Aws {
    /// Everything that it has, of the kinds that Terraform makes.
    pub fn inventory(&self) -> Inventory {
        let mut python = self.python();
        let output = python.args(["-c", include_str!("inventory.py")]).output().expect("python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("an inventory is JSON")
    }
}
