output "job_queues" {
  description = "Name and ARN of a kind's job queue."
  value       = { for kind, queue in aws_batch_job_queue.kind : kind => { name = queue.name, arn = queue.arn } }
}

output "on_demand_job_queues" {
  description = "Name and ARN of the job queue over on-demand capacity of each kind whose work falls back to it."
  value       = { for kind, queue in aws_batch_job_queue.on_demand : kind => { name = queue.name, arn = queue.arn } }
}

output "job_definitions" {
  description = "Name of a kind's job definition, its ARN without and with the revision."
  value = {
    for kind, definition in aws_batch_job_definition.kind : kind => {
      name         = definition.name
      arn          = definition.arn_prefix
      revision_arn = definition.arn
    } if contains(keys(var.kinds), kind)
  }
}

output "small_disk_definitions" {
  description = "Name of a kind's job definition for work that needs little disk, and its ARN without the revision; of kinds with a large disk on Fargate."
  value = {
    for definition in keys(local.with_small_disk) : local.kind_of[definition] => {
      name = aws_batch_job_definition.kind[definition].name
      arn  = aws_batch_job_definition.kind[definition].arn_prefix
    }
  }
}

output "log_group_names" {
  description = "Log of a kind's jobs."
  value       = { for kind, group in aws_cloudwatch_log_group.job : kind => group.name }
}
