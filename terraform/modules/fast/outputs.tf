output "queues" {
  description = "URL, ARN and name of each kind's fast queue."
  value       = { for kind, this in aws_sqs_queue.fast : kind => { url = this.id, arn = this.arn, name = this.name } }
}

output "function_names" {
  description = "Name of each kind's function, if functions do the work."
  value       = { for kind, this in aws_lambda_function.fast : kind => this.function_name }
}

output "mappings" {
  description = "Ids of the event source mappings, by kind."
  value       = { for kind, this in aws_lambda_event_source_mapping.fast : kind => this.uuid }
}

output "log_group_names" {
  description = "The logs of the fast path's programs, by kind."
  value       = { for kind, this in aws_cloudwatch_log_group.fast : kind => this.name }
}

output "policies" {
  description = "What the programs may do: the statements of their roles' policies, by kind."
  value       = { for kind, this in aws_iam_role_policy.fast : kind => jsondecode(this.policy).Statement }
}
