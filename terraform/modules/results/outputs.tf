output "function_name" {
  description = "LAMBDA_OUTPUT."
  value       = module.output.name
}

output "log_group_name" {
  description = "Log of output."
  value       = module.output.log_group_name
}
