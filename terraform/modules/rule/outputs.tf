output "name" {
  description = "The rule's name."
  value       = aws_cloudwatch_event_rule.this.name
}

output "arn" {
  description = "The rule's ARN."
  value       = aws_cloudwatch_event_rule.this.arn
}

output "pattern" {
  description = "Which events it is for."
  value       = jsondecode(aws_cloudwatch_event_rule.this.event_pattern)
}
