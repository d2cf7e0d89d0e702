output "bus" {
  description = "Name and ARN of the bus."
  value       = local.bus
}

output "source" {
  description = "Source of the events, for the patterns of rules."
  value       = local.source
}

output "unheard_queue_name" {
  description = "Name of the queue of events that the webhook did not take, or null."
  value       = one([for queue in aws_sqs_queue.unheard : queue.name])
}
