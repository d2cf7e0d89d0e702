output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "log_group_name" {
  description = "The function's log."
  value       = aws_cloudwatch_log_group.this.name
}

output "role_arn" {
  description = "The function's role."
  value       = aws_iam_role.this.arn
}

output "policy" {
  description = "What the function may do: the statements of its role's policy."
  value       = jsondecode(aws_iam_role_policy.this.policy).Statement
}
