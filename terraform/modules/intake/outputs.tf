output "function_name" {
  description = "LAMBDA_CLASSIFY."
  value       = module.classify.name
}

output "log_group_name" {
  description = "Log of classify."
  value       = module.classify.log_group_name
}

output "policy" {
  description = "What classify may do."
  value       = module.classify.policy
}

output "rules" {
  description = "Name and pattern of the rule that hears of uploads, and name of the one that looks for what nobody told of."
  value = {
    uploads = { name = module.uploads.name, pattern = module.uploads.pattern }
    sweep   = { name = module.sweep.name, pattern = null }
  }
}
