output "repository_urls" {
  description = "Where to push a kind's image."
  value       = { for kind, repository in aws_ecr_repository.job : kind => repository.repository_url }
}

output "repository_arns" {
  description = "ARN of a kind's repository."
  value       = { for kind, repository in aws_ecr_repository.job : kind => repository.arn }
}
