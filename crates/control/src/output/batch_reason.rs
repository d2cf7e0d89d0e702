//! Why a Batch job failed, in plain words.

use crate::event::BatchJobDetail;

/// Exit codes with which the job's program ends by itself, after it has published how each operation ended.
const OWN_EXIT_CODES: [i64; 5] = [0, 64, 65, 66, 70];

/// The exit code for what may pass; Batch has then used up its retries.
const TEMPORARY: i64 = 75;

/// Whether the program ended by itself, so that its own events say more than Batch does.
pub fn spoke_for_itself(job: &BatchJobDetail) -> bool {
    exit_code(job).is_some_and(|code| OWN_EXIT_CODES.contains(&code))
}

/// Whether it was not even begun because the job that it depends on failed: the array of its parts.
pub fn is_for_its_parts(job: &BatchJobDetail) -> bool {
    job.status_reason.as_deref().is_some_and(|reason| reason.to_ascii_lowercase().contains("dependent job failed"))
}

/// The container's exit code, if it got so far.
pub fn exit_code(job: &BatchJobDetail) -> Option<i64> {
    job.last_containers().find_map(|container| container.exit_code)
}

/// Whether its last attempt ended because the machine was taken away: by Spot, or by a host's end.
pub fn was_taken_away(job: &BatchJobDetail) -> bool {
    let container = job.last_containers().find_map(|container| container.reason.as_deref());
    let said = [container, job.last_attempt_reason(), job.status_reason.as_deref()];
    let is_so = |text: &&str| {
        ["Host EC2", "Spot interruption", "ReclaimSpot", "Your Spot Task was interrupted"]
            .iter()
            .any(|part| text.contains(part))
    };
    said.iter().flatten().any(is_so)
}

/// Why the job failed.
pub fn explain(job: &BatchJobDetail) -> String {
    let container = job.last_containers().find_map(|container| container.reason.as_deref());
    let said = [container, job.last_attempt_reason(), job.status_reason.as_deref()];
    let contains = |part: &str| said.iter().flatten().any(|text| text.contains(part));
    let code = exit_code(job);
    let plain = if contains("OutOfMemory") || contains("OOMKilled") || contains("out of memory") {
        "the container needed more memory than it was given and was killed".to_owned()
    } else if was_taken_away(job) {
        "the machine under the container was taken away (Spot or a host's end), as often as Batch tries again"
            .to_owned()
    } else if contains("exceeded timeout") || contains("DurationExceeded") {
        "it took longer than the job definition's timeout and was ended".to_owned()
    } else if contains("CannotPull") || contains("pull image") || contains("manifest unknown") {
        "the container's image could not be pulled; check the job definition's image and the repository's permissions"
            .to_owned()
    } else if contains("ResourceInitialization") || contains("failed to start") || contains("CannotStart") {
        "the container could not be started; check the job definition's network, roles and logging".to_owned()
    } else if is_for_its_parts(job) {
        "one of the parts of the work failed, hence they were not joined; the array job has the reason".to_owned()
    } else if contains("MISCONFIGURATION") {
        "no compute environment can run it: what it asks for does not fit any".to_owned()
    } else {
        match code {
            Some(TEMPORARY) => {
                "something temporary failed (throttling or the network), as often as Batch tries again".to_owned()
            }
            Some(137) => "the container was killed (SIGKILL)".to_owned(),
            Some(139) => "the program crashed (SIGSEGV)".to_owned(),
            Some(code) => format!("the container ended with exit code {code}"),
            None => "the job ended before its container did any work".to_owned(),
        }
    };
    let mut words: Vec<&str> = said.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    words.dedup();
    if words.is_empty() { plain } else { format!("{plain} (Batch: {})", words.join("; ")) }
}

#[cfg(test)]
mod tests {
    use crate::event::read_as;
    use serde_json::{Value, json};

    use super::*;

    fn job(container: &Value, status_reason: &str, attempts: &Value) -> BatchJobDetail {
        read_as(&json!({
            "jobName": "image-resize-1", "jobId": "4c7599ae-0a82-49aa-ba5a-4727fcce14a8", "status": "FAILED",
            "statusReason": status_reason, "attempts": attempts, "container": container, "parameters": {},
        }))
        .unwrap()
    }

    #[test]
    fn what_batch_says_is_put_into_plain_words() {
        let cases = [
            (
                json!({"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}),
                "Essential container in task exited",
                "more memory",
            ),
            (json!({}), "Host EC2 (instance i-0123456789abcdef0) terminated.", "taken away"),
            (json!({"exitCode": 137}), "Job attempt duration exceeded timeout", "longer than"),
            (
                json!({"reason": "CannotPullContainerError: pull image manifest has been retried 1 time(s): image not found"}),
                "Task failed to start",
                "could not be pulled",
            ),
            (
                json!({"reason": "ResourceInitializationError: unable to pull secrets"}),
                "Task failed to start",
                "could not be started",
            ),
            (json!({"exitCode": 75}), "Essential container in task exited", "as often as Batch tries again"),
            (json!({"exitCode": 139}), "Essential container in task exited", "crashed"),
            (json!({}), "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - larger than any instance type", "does not fit"),
            (json!({"exitCode": 3}), "", "exit code 3"),
            (json!(null), "Terminated by operator", "Terminated by operator"),
        ];
        for (container, reason, expected) in cases {
            let text = explain(&job(&container, reason, &json!([])));
            assert!(text.contains(expected), "{container} {reason}: {text}");
            assert!(text.contains(reason), "Batch's own words are kept: {text}");
        }
    }

    #[test]
    fn a_pod_on_eks_is_understood() {
        let job: BatchJobDetail = read_as(&json!({
            "jobName": "image-resize-1", "jobId": "4c7599ae-0a82-49aa-ba5a-4727fcce14a8", "status": "FAILED",
            "statusReason": "Essential container in task exited", "attempts": [], "parameters": {},
            "eksProperties": {"podProperties": {"containers": [{"name": "image-job"}]}},
            "eksAttempts": [{
                "containers": [{"name": "image-job", "containerID": "containerd://1", "exitCode": 137, "reason": "OOMKilled"}],
                "eksClusterArn": "arn:aws:eks:us-east-1:123456789012:cluster/jobs", "podName": "aws-batch.1",
                "podNamespace": "media-jobs", "nodeName": "ip-192-168-59-38.ec2.internal", "startedAt": 1, "stoppedAt": 2,
                "statusReason": "Pod failed"
            }],
        }))
        .unwrap();
        assert_eq!(exit_code(&job), Some(137));
        let text = explain(&job);
        assert!(text.contains("more memory than it was given") && text.contains("OOMKilled; Pod failed"), "{text}");
    }

    #[test]
    fn the_last_attempt_counts_where_the_job_says_nothing_itself() {
        let attempts = json!([
            {"container": {"exitCode": 75}, "statusReason": "Essential container in task exited"},
            {"container": {"exitCode": 65}, "statusReason": "Essential container in task exited"}
        ]);
        let job = job(&json!({}), "Essential container in task exited", &attempts);
        assert_eq!(exit_code(&job), Some(65));
        assert!(spoke_for_itself(&job));
    }
}
