//! The configuration in `terraform/`, applied to an AWS API on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Map, Value};

use crate::aws::Aws;
use crate::containers::in_project;
use crate::target_folder;

/// How many resources are made at once: Terraform mostly waits, for changes that AWS makes by and by.
const PARALLELISM: &str = "-parallelism=60";

/// By type of resource, the attributes that a plan would change (`cors_rule.allowed_origins`, without indices).
pub type Changes = BTreeMap<String, BTreeSet<String>>;

/// A working folder of Terraform with its state.
pub struct Terraform {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Terraform {
    /// Copies the configuration with what is different against an emulator (`terraform/tests/emulator`) and initialises it
    /// with a name and a region.
    pub fn initialise(aws: &Aws, name: &str, region: &str) -> Self {
        let variables = [
            ("TF_VAR_name", name),
            ("TF_VAR_region", region),
            ("TF_VAR_lambda_zips_folder", "zips"),
            ("TF_VAR_force_destroy", "true"),
        ];
        let terraform = Self::in_folder(aws, "emulator", &variables);
        let folder = &terraform.folder;
        copy(&in_project("terraform"), folder, &["tests", "examples", "bootstrap", ".terraform"]);
        for (from, to) in [
            ("provider", ""),
            ("pipeline", "modules/pipeline"),
            ("queues", "modules/queues"),
            ("delivery", "modules/delivery"),
        ] {
            copy(&in_project("terraform/tests/emulator").join(from), &folder.join(to), &[]);
        }
        // The emulator does not run functions; the tests run the programs themselves, with the functions' environments.
        for function in ["classify", "dispatch", "output"] {
            let zip = folder.join(format!("zips/{function}-lambda.zip"));
            fs_err::create_dir_all(folder.join("zips")).expect("a folder is made");
            fs_err::write(zip, "no program").expect("a file is written");
        }
        terraform.run(&["init"]);
        terraform
    }

    /// The configuration that makes the bucket of the state, initialised.
    pub fn bootstrap(aws: &Aws, region: &str) -> Self {
        let terraform = Self::in_folder(aws, "emulator-bootstrap", &[("TF_VAR_region", region)]);
        copy(&in_project("terraform/bootstrap"), &terraform.folder, &["tests", ".terraform"]);
        for from in ["provider", "bootstrap"] {
            copy(&in_project("terraform/tests/emulator").join(from), &terraform.folder, &[]);
        }
        terraform.run(&["init"]);
        terraform
    }

    /// A configuration of nothing but an output, whose state is kept where these lines for a `backend.tf` say.
    pub fn with_backend(aws: &Aws, backend: &str) -> Self {
        let terraform = Self::in_folder(aws, "emulator-backend", &[]);
        fs_err::write(terraform.folder.join("backend.tf"), backend).expect("a file is written");
        fs_err::write(terraform.folder.join("output.tf"), "output \"kept\" {\n  value = \"in the bucket\"\n}\n")
            .expect("a file is written");
        let settings = ["use_path_style", "skip_credentials_validation", "skip_requesting_account_id"];
        let settings = settings.map(|setting| format!("-backend-config={setting}=true"));
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        terraform.run(&[&["init"], settings.as_slice()].concat());
        terraform
    }

    /// An empty folder and Terraform's environment. Fails the test where Terraform or the provider cannot be had.
    fn in_folder(aws: &Aws, folder: &str, variables: &[(&str, &str)]) -> Self {
        let found = Command::new(in_project("scripts/terraform-provider")).output().expect("bash is there");
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        let configuration = String::from_utf8_lossy(&found.stdout).trim().to_owned();

        let folder = target_folder().join("terraform").join(folder);
        if folder.exists() {
            fs_err::remove_dir_all(&folder).expect("what an earlier run left can be removed");
        }
        fs_err::create_dir_all(&folder).expect("a folder is made");

        let mut environment = aws.environment();
        for variable in ["PATH", "HOME"] {
            environment.push((variable.to_owned(), std::env::var(variable).unwrap_or_default()));
        }
        let settings = [
            ("TF_CLI_CONFIG_FILE", configuration.as_str()),
            ("TF_IN_AUTOMATION", "1"),
            ("TF_INPUT", "0"),
            ("CHECKPOINT_DISABLE", "1"),
        ];
        for (variable, value) in settings.iter().chain(variables) {
            environment.push(((*variable).to_owned(), (*value).to_owned()));
        }
        Self { folder, environment }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// With what Terraform is run in it.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Makes everything.
    pub fn apply(&self) {
        self.run(&["apply", "-auto-approve", PARALLELISM]);
    }

    /// The value of an output.
    pub fn output(&self, name: &str) -> Value {
        let output = self.run(&["output", "-json", name]);
        serde_json::from_slice(&output.stdout).expect("Terraform prints JSON")
    }

    /// What another apply would change. Fails the test where it would make, replace or delete anything.
    pub fn changes(&self) -> Changes {
        self.run(&["plan", "-out=plan", PARALLELISM]);
        let plan: Value =
            serde_json::from_slice(&self.run(&["show", "-json", "plan"]).stdout).expect("Terraform prints JSON");
        let mut changes = Changes::new();
        for resource in plan["resource_changes"].as_array().into_iter().flatten() {
            let change = &resource["change"];
            match change["actions"].as_array().map(Vec::as_slice) {
                Some([action]) if action == "no-op" || action == "read" => continue,
                Some([action]) if action == "update" => {}
                actions => panic!("a second apply would do {actions:?} to {}", resource["address"]),
            }
            let attributes = changes.entry(resource["type"].as_str().unwrap_or_default().to_owned()).or_default();
            compare(&change["before"], &change["after"], "", attributes);
        }
        changes
    }

    /// Takes everything away.
    pub fn destroy(&self) {
        self.run(&["destroy", "-auto-approve", PARALLELISM]);
    }

    /// The addresses of everything in the state.
    pub fn state(&self) -> Vec<String> {
        let output = self.run(&["state", "list"]);
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut terraform = Command::new("terraform");
        terraform.arg(format!("-chdir={}", self.folder.display())).args(arguments);
        if arguments[0] != "show" && arguments[0] != "state" {
            terraform.arg("-no-color");
        }
        terraform.env_clear().envs(self.environment.iter().cloned()).stdin(Stdio::null());
        for _ in 0..3 {
            let output = terraform.output().expect("scripts/terraform-provider found terraform");
            if output.status.success() {
                return output;
            }
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            // The provider is a large program, and Terraform gives it a minute to start: too little on a busy machine.
            assert!(said.contains("timeout while waiting for plugin to start"), "terraform {arguments:?}: {said}");
        }
        panic!("terraform {arguments:?}: the provider did not start within a minute, three times");
    }
}

/// Copies a folder but for what is called so.
fn copy(from: &Path, to: &Path, without: &[&str]) {
    fs_err::create_dir_all(to).expect("a folder is made");
    for entry in fs_err::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("a folder can be read");
        let (path, name) = (entry.path(), entry.file_name());
        if without.iter().any(|each| name == *each) || name.to_string_lossy().contains(".tfstate") {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), without);
        } else {
            fs_err::copy(&path, to.join(name)).expect("a file is copied");
        }
    }
}

/// Collects the paths at which two values differ.
fn compare(before: &Value, after: &Value, path: &str, differing: &mut BTreeSet<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let value = |map: &Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or_default();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&value(before, key), &value(after, key), &inner, differing);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (before, after) in before.iter().zip(after) {
                compare(before, after, path, differing);
            }
        }
        _ if before == after => {}
        _ => {
            differing.insert(path.to_owned());
        }
    }
}
