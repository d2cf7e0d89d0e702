output "requests" {
  description = "URL, ARN and name of each queue of requests."
  value       = { for queue, this in aws_sqs_queue.requests : queue => { url = this.id, arn = this.arn, name = this.name } }
}

output "dead_letters" {
  description = "URL, ARN and name of each queue of messages that could not be dispatched."
  value       = { for queue, this in aws_sqs_queue.dead_letters : queue => { url = this.id, arn = this.arn, name = this.name } }
}

output "undelivered" {
  description = "URL, ARN and name of each queue of events that could not be delivered."
  value       = { for queue, this in aws_sqs_queue.undelivered : queue => { url = this.id, arn = this.arn, name = this.name } }
}
