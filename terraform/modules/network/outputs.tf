output "vpc_id" {
  description = "The VPC that jobs run in."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "The subnets that jobs run in."
  value       = local.subnet_ids
}

output "security_group_id" {
  description = "The security group of the jobs."
  value       = aws_security_group.jobs.id
}

output "public_addresses" {
  description = "Whether a job gets a public address: without one it reaches AWS over interface endpoints or the user's own routes."
  value       = local.own_vpc ? !var.network.private : var.network.assign_public_ip
}
