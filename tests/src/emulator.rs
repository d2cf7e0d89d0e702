//! What a test does to an installation in moto because moto is not AWS.

use crate::aws::Aws;
use crate::infrastructure::Infrastructure;

/// Takes the buckets' policies away: moto takes the condition of "only over TLS" as met, whatever the request, and would
/// refuse everything. What they were.
pub async fn without_policies(aws: &Aws, infrastructure: &Infrastructure) -> Vec<(String, String)> {
    let buckets = &infrastructure.buckets;
    let mut policies = Vec::new();
    for bucket in [&buckets.input, &buckets.output, &buckets.work] {
        let policy = aws.s3().get_bucket_policy().bucket(bucket).send().await.expect("a bucket has a policy");
        policies.push((bucket.clone(), policy.policy.expect("a policy has a text")));
        aws.s3().delete_bucket_policy().bucket(bucket).send().await.expect("a policy is deleted");
    }
    policies
}

/// Gives them back.
pub async fn put_back(aws: &Aws, policies: &[(String, String)]) {
    for (bucket, policy) in policies {
        aws.s3().put_bucket_policy().bucket(bucket).policy(policy).send().await.expect("a policy is put");
    }
}

/// Lets Lambda read the queues of requests, or not: moto takes every message for the function, which it does not run.
pub fn queues_are_read(aws: &Aws, enabled: bool) {
    let script = "import boto3, sys\n\
                  functions = boto3.client('lambda')\n\
                  for mapping in functions.list_event_source_mappings()['EventSourceMappings']:\n\
                  \x20   functions.update_event_source_mapping(UUID=mapping['UUID'], Enabled=sys.argv[1] == 'true')\n";
    let output = aws.python().args(["-c", script, &enabled.to_string()]).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
