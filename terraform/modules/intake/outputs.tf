output "function_name" {
  description = "LAMBDA_CLASSIFY."
  value       = module.classify.name
}

output "log_group_name" {
  description = "Log of classify."
  value       = module.classify.log_group_name
}

output "rule_name" {
  description = "The rule that hears of uploads."
  value       = aws_cloudwatch_event_rule.uploads.name
}
