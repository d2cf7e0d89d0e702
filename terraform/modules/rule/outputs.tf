output "name" {
  description = "The rule's name."
  value       = aws_cloudwatch_event_rule.this.name
}

output "arn" {
  description = "The rule's ARN."
  value       = aws_cloudwatch_event_rule.this.arn
}

output "pattern" {
  description = "Which events it is for; null for a schedule."
  value       = var.pattern == null ? null : jsondecode(aws_cloudwatch_event_rule.this.event_pattern)
}

output "schedule" {
  description = "When it comes; null for events."
  value       = aws_cloudwatch_event_rule.this.schedule_expression
}
