//! What AWS Batch does and its emulator does not: it fills `Ref::` parameters in, gives an array's children their index,
//! runs the containers, tries again as the definition's `evaluateOnExit` says, and tells every change of state. The
//! events have the shape of AWS's documentation (Batch User Guide, "AWS Batch job state change events").

use std::collections::{BTreeMap, VecDeque};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_batch::types::{ContainerProperties, JobDefinition, JobDetail, RetryStrategy};
use serde_json::{Value, json};

use crate::aws::{ACCOUNT, Aws, REGION, key_of, signed_by};
use crate::containers::{Engine, TAG};
use crate::{Fault, Proxy, Rule};

/// How long a container may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A kill that befalls a container once it asks for its input, in Batch's words.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    /// What ECS says of the container, such as `OutOfMemoryError: Container killed due to memory usage`.
    pub reason: Option<&'static str>,
    /// What Batch says of the attempt, such as `Host EC2 (instance i-0a1b2c3d4e5f67890) terminated.`
    pub status_reason: &'static str,
}

/// A job that was carried out, for a test to look at.
#[derive(Debug, Clone)]
pub struct CarriedOut {
    /// Its id; that of an array's child ends in `:` and its index.
    pub job_id: String,
    /// What the container was started with, without the program.
    pub command: Vec<String>,
    /// The exit code of every attempt.
    pub exit_codes: Vec<i32>,
    /// What the last attempt printed.
    pub printed: String,
}

/// How one attempt ended.
struct Attempt {
    exit_code: i32,
    reason: Option<String>,
    status_reason: String,
    started_at: u64,
    stopped_at: u64,
}

impl Attempt {
    fn to_json(&self) -> Value {
        let mut container = json!({"exitCode": self.exit_code, "networkInterfaces": []});
        if let Some(reason) = &self.reason {
            container["reason"] = json!(reason);
        }
        json!({
            "container": container, "startedAt": self.started_at, "stoppedAt": self.stopped_at,
            "statusReason": self.status_reason,
        })
    }
}

/// Carries out a submitted job: every child of an array, or the job itself. Each change of state is told.
pub(crate) async fn carry_out(
    aws: &Aws,
    engine: &Engine,
    job_id: &str,
    kills: &mut VecDeque<Kill>,
    mut tell: impl FnMut(Value),
) -> Vec<CarriedOut> {
    let described = aws.batch().describe_jobs().jobs(job_id).send().await.expect("a job can be described");
    let job = described.jobs.unwrap_or_default().into_iter().next().expect("Batch knows the job");
    let definition = aws.batch().describe_job_definitions().job_definitions(job.job_definition().unwrap_or_default());
    let definition =
        definition.send().await.expect("a definition can be described").job_definitions.unwrap_or_default();
    let definition = definition.into_iter().next().expect("Batch knows the definition");
    let Some(size) = job.array_properties().and_then(aws_sdk_batch::types::ArrayPropertiesDetail::size) else {
        let (carried_out, _) = carry_out_one(aws, engine, &job, &definition, None, kills, &mut tell);
        return vec![carried_out];
    };
    let mut done = Vec::new();
    let mut failed = 0;
    for index in 0..size {
        let (child, status) = carry_out_one(aws, engine, &job, &definition, Some((index, size)), kills, &mut tell);
        failed += i32::from(status == "FAILED");
        done.push(child);
    }
    let mut parent = detail(&job, job_id, if failed > 0 { "FAILED" } else { "SUCCEEDED" }, &[]);
    parent["arrayProperties"] =
        json!({"size": size, "statusSummary": {"SUCCEEDED": size - failed, "FAILED": failed, "RUNNING": 0}});
    if failed > 0 {
        parent["statusReason"] = json!("Array Child Job failed");
    }
    tell(parent);
    done
}

/// One container, tried again as the definition says.
fn carry_out_one(
    aws: &Aws,
    engine: &Engine,
    job: &JobDetail,
    definition: &JobDefinition,
    child: Option<(i32, i32)>,
    kills: &mut VecDeque<Kill>,
    tell: &mut impl FnMut(Value),
) -> (CarriedOut, &'static str) {
    let parent_id = job.job_id().unwrap_or_default();
    let job_id = child.map_or_else(|| parent_id.to_owned(), |(index, _)| format!("{parent_id}:{index}"));
    let command = command_of(job);
    let mut attempts: Vec<Attempt> = Vec::new();
    let told = |status: &str, attempts: &[Attempt]| {
        let mut detail = detail(job, &job_id, status, attempts);
        if let Some((index, _)) = child {
            detail["arrayProperties"] = json!({"index": index, "statusSummary": {}});
        }
        detail
    };
    loop {
        let started_at = milliseconds();
        tell(told("RUNNING", &attempts));
        let mut variables = environment_of(job);
        variables.insert("AWS_BATCH_JOB_ID".to_owned(), job_id.clone());
        variables.insert("AWS_BATCH_JOB_ATTEMPT".to_owned(), (attempts.len() + 1).to_string());
        if let Some((index, size)) = child {
            variables.insert("AWS_BATCH_JOB_ARRAY_INDEX".to_owned(), index.to_string());
            variables.insert("AWS_BATCH_JOB_ARRAY_SIZE".to_owned(), size.to_string());
        }
        let container = definition.container_properties().expect("a definition has a container");
        let kill = kills.pop_front();
        let output = run(aws, engine, container, &command, variables, kill);
        let exit_code = output.status.code().expect("docker ends by itself");
        let attempt = Attempt {
            exit_code,
            reason: kill.and_then(|kill| kill.reason).map(str::to_owned),
            status_reason: kill.map_or("Essential container in task exited", |kill| kill.status_reason).to_owned(),
            started_at,
            stopped_at: milliseconds(),
        };
        let again = exit_code != 0 && is_tried_again(definition.retry_strategy(), attempts.len() + 1, &attempt);
        attempts.push(attempt);
        if again {
            continue;
        }
        let status = if exit_code == 0 { "SUCCEEDED" } else { "FAILED" };
        tell(told(status, &attempts));
        let exit_codes = attempts.iter().map(|attempt| attempt.exit_code).collect();
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        return (CarriedOut { job_id, command, exit_codes, printed }, status);
    }
}

/// The command with its parameters filled in.
fn command_of(job: &JobDetail) -> Vec<String> {
    let words = job.container().map(|container| container.command().to_vec()).unwrap_or_default();
    let parameters = job.parameters().cloned().unwrap_or_default();
    let fill = |word: String| match word.strip_prefix("Ref::") {
        Some(name) => parameters.get(name).cloned().unwrap_or(word),
        None => word,
    };
    words.into_iter().map(fill).collect()
}

fn environment_of(job: &JobDetail) -> BTreeMap<String, String> {
    let pairs = job.container().map(|container| container.environment().to_vec()).unwrap_or_default();
    pairs.into_iter().filter_map(|pair| Some((pair.name?, pair.value?))).collect()
}

/// Runs a container as its definition says, in the image of the definition's repository that is on this machine.
fn run(
    aws: &Aws,
    engine: &Engine,
    container: &ContainerProperties,
    command: &[String],
    variables: BTreeMap<String, String>,
    kill: Option<Kill>,
) -> Output {
    let image = container.image().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let image = image.split([':', '@']).next().unwrap_or_default();
    if engine.runs_processes() {
        assert!(kill.is_none(), "only containers are killed");
        let mut job = crate::command(image);
        job.args(command).envs(variables).envs(aws.environment_of(image));
        return job.output().expect("a job starts");
    }
    let name = crate::unique("batch");
    // The container that is killed asks for its input and gets no answer for as long as it lives.
    let proxy = kill.map(|_| Proxy::before(&aws.endpoint()));
    let aws_variables = match &proxy {
        Some(proxy) => {
            proxy.rule(Rule::new("GET", "/", Fault::Delay(PATIENCE)));
            signed_by(&key_of(image), proxy.environment())
        }
        None => aws.environment_of(image),
    };
    let mut docker = engine.docker(&["run", "--rm", "--network", "host", "--name", &name]);
    docker.args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
    if let Some(user) = container.user() {
        docker.args(["--user", user]);
    }
    if container.readonly_root_filesystem() == Some(true) {
        docker.arg("--read-only");
    }
    for mount in container.mount_points() {
        docker.args(["--tmpfs", &format!("{}:mode=1777", mount.container_path().expect("a mount has a path"))]);
    }
    for (name, value) in variables.into_iter().chain(aws_variables) {
        docker.args(["-e", &format!("{name}={value}")]);
    }
    docker.arg(format!("{image}:{TAG}")).args(command);
    docker.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = docker.spawn().expect("docker starts");
    if let Some(proxy) = proxy {
        let start = Instant::now();
        while proxy.requests().iter().all(|request| request.method != "GET") {
            assert!(start.elapsed() < PATIENCE, "the container asked for nothing");
            std::thread::sleep(Duration::from_millis(20));
        }
        crate::containers::succeed(&mut engine.docker(&["kill", &name]));
    }
    child.wait_with_output().expect("docker ends")
}

/// Whether Batch tries again: what the first rule says whose every condition holds, and yes where none does.
fn is_tried_again(strategy: Option<&RetryStrategy>, attempts: usize, attempt: &Attempt) -> bool {
    let Some(strategy) = strategy else { return false };
    if attempts >= strategy.attempts().unwrap_or(1) as usize {
        return false;
    }
    let fits = |pattern: Option<&str>, text: &str| {
        pattern.is_none_or(|pattern| match pattern.strip_suffix('*') {
            Some(start) => text.to_lowercase().starts_with(&start.to_lowercase()),
            None => text.eq_ignore_ascii_case(pattern),
        })
    };
    let rule = strategy.evaluate_on_exit().iter().find(|rule| {
        fits(rule.on_exit_code(), &attempt.exit_code.to_string())
            && fits(rule.on_reason(), attempt.reason.as_deref().unwrap_or_default())
            && fits(rule.on_status_reason(), &attempt.status_reason)
    });
    // Batch takes the action in any case, and answers it in lower case.
    rule.is_none_or(|rule| rule.action().is_some_and(|action| action.as_str().eq_ignore_ascii_case("RETRY")))
}

/// The detail of a `Batch Job State Change`.
fn detail(job: &JobDetail, job_id: &str, status: &str, attempts: &[Attempt]) -> Value {
    let container = job.container();
    let last = attempts.last();
    let mut detail = json!({
        "jobArn": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job/{job_id}"),
        "jobName": job.job_name(), "jobId": job_id, "jobQueue": job.job_queue(), "status": status,
        "attempts": attempts.iter().map(Attempt::to_json).collect::<Vec<_>>(),
        "createdAt": job.created_at(), "startedAt": last.map_or_else(milliseconds, |last| last.started_at),
        "dependsOn": [], "jobDefinition": job.job_definition(), "parameters": job.parameters(),
        "container": {
            "command": container.map(aws_sdk_batch::types::ContainerDetail::command), "volumes": [], "mountPoints": [],
            "environment": [], "ulimits": [], "networkInterfaces": [], "resourceRequirements": [], "secrets": [],
        },
        "tags": job.tags(), "propagateTags": true, "platformCapabilities": ["FARGATE"],
    });
    if let Some(last) = last.filter(|_| status != "RUNNING") {
        detail["stoppedAt"] = json!(last.stopped_at);
        detail["statusReason"] = json!(last.status_reason);
        detail["container"]["exitCode"] = json!(last.exit_code);
        if let Some(reason) = &last.reason {
            detail["container"]["reason"] = json!(reason);
        }
    }
    detail
}

fn milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use aws_sdk_batch::types::{EvaluateOnExit, RetryAction};

    use super::*;

    fn is_tried(exit_code: i32, status_reason: &str, attempts: usize) -> bool {
        let rule = |action| EvaluateOnExit::builder().action(action);
        let rules = [
            rule(RetryAction::Retry).on_exit_code("75"),
            rule(RetryAction::Retry).on_status_reason("Host EC2*"),
            rule(RetryAction::Exit).on_reason("*"),
        ];
        let rules = rules.map(aws_sdk_batch::types::builders::EvaluateOnExitBuilder::build);
        let strategy = RetryStrategy::builder().attempts(3).set_evaluate_on_exit(Some(rules.into())).build();
        let status_reason = status_reason.to_owned();
        let attempt = Attempt { exit_code, reason: None, status_reason, started_at: 0, stopped_at: 0 };
        is_tried_again(Some(&strategy), attempts, &attempt)
    }

    #[test]
    fn the_first_rule_that_fits_decides_until_the_attempts_are_used_up() {
        assert!(is_tried(75, "Essential container in task exited", 1));
        assert!(!is_tried(75, "Essential container in task exited", 3));
        assert!(is_tried(137, "Host EC2 (instance i-0a1b2c3d4e5f67890) terminated.", 2));
        assert!(!is_tried(137, "Essential container in task exited", 1));
        assert!(!is_tried(65, "Essential container in task exited", 1));
    }
}
