output "function_name" {
  description = "The dispatch function."
  value       = module.dispatch.name
}

output "log_group_name" {
  description = "Log of dispatch."
  value       = module.dispatch.log_group_name
}

output "policy" {
  description = "What dispatch may do."
  value       = module.dispatch.policy
}
