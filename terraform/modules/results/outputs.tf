output "function_name" {
  description = "LAMBDA_OUTPUT."
  value       = module.output.name
}

output "log_group_name" {
  description = "Log of output."
  value       = module.output.log_group_name
}

output "policy" {
  description = "What output may do."
  value       = module.output.policy
}

output "rules" {
  description = "Name and pattern of the rules that hear of results and of jobs."
  value = merge(
    { for role, rule in module.rules : role => { name = rule.name, pattern = rule.pattern } },
    { reconcile = { name = module.reconcile.name, pattern = null } },
  )
}

output "queue" {
  description = "URL, ARN and name of the queue in which events wait for output."
  value       = { url = aws_sqs_queue.events.url, arn = aws_sqs_queue.events.arn, name = aws_sqs_queue.events.name }
}

output "removals_queue_arn" {
  description = "The queue for what the bucket of results tells, once S3 may send to it: S3 tries that when it is told of the queue."
  value       = aws_sqs_queue.events.arn

  depends_on = [aws_sqs_queue_policy.events]
}
