# What a person needs next, ready to paste; and, under `installation`, every name for programs and tests.

output "push_images" {
  description = "The first thing to do after the first apply: logs in to this installation's registry, builds the container images and pushes them. Uploads before that wait as failed jobs (`pipeline redrive` sends them again)."
  value       = module.pipeline.push_images
}

output "upload" {
  description = "Uploads a file and says what to do with it. Without --metadata, the kind's default is done."
  value       = module.pipeline.upload
}

output "presigned_upload" {
  description = "Lets somebody without AWS credentials upload one file within an hour: prints a URL for `curl --upload-file` (Python with boto3)."
  value       = module.pipeline.presigned_upload
}

output "submit_job" {
  description = "Runs one job by hand, past the queues, on an object that is in the bucket of uploads already."
  value       = module.pipeline.submit_job
}

output "list_results" {
  description = "Where results are: below the key of the upload, a folder for each operation."
  value       = module.pipeline.list_results
}

output "query_records" {
  description = "What is known of one upload: its state, the time of every step, and the reason if it failed."
  value       = module.pipeline.query_records
}

output "results_url" {
  description = "Where results are delivered: this, then the key of the object; and who may read it."
  value       = module.pipeline.results_url
}

output "dashboard_url" {
  description = "How the system is doing, on one page."
  value       = module.pipeline.dashboard_url
}

output "environment" {
  description = "Environment for the operator's program: paste it, then `pipeline status --aws`, `pipeline explain s3://…`, `pipeline redrive`."
  value       = module.pipeline.environment
}

output "operator_policy" {
  description = "IAM policy of whoever operates this installation: reads records, results and logs, sends uploads on their way again, submits jobs by hand; changes no object and deletes nothing."
  value       = module.pipeline.operator_policy
}

output "existing_bucket_settings" {
  description = "For existing_buckets: what those buckets need, which their owner adds to what they have: events to EventBridge (for the results, notifications of the events in `removals` to the queue in `removals` do as well, and cost nothing), versions, and for the results the statements of the bucket's policy that let CloudFront read."
  value       = module.pipeline.existing_bucket_settings
}

output "eks_manifests" {
  description = "For compute = EKS: what the cluster has to have before the first job, for `terraform output -raw eks_manifests | kubectl apply -f -`: the namespace, a service account for each kind, and AWS Batch's role bindings."
  value       = module.pipeline.eks_manifests
}

output "installation" {
  description = "Names and ARNs of everything, for programs: `terraform output -json installation`."
  value       = module.pipeline.installation
}
