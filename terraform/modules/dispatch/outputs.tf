output "function_name" {
  description = "The dispatch function."
  value       = module.dispatch.name
}

output "log_group_name" {
  description = "Log of dispatch."
  value       = module.dispatch.log_group_name
}

output "mappings" {
  description = "Ids of the event source mappings that deliver requests to dispatch, by kind."
  value       = { for kind, mapping in aws_lambda_event_source_mapping.requests : kind => mapping.uuid }
}

output "policy" {
  description = "What dispatch may do."
  value       = module.dispatch.policy
}
