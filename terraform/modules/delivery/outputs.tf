output "distribution_arn" {
  description = "The distribution, for the bucket's policy."
  value       = aws_cloudfront_distribution.results.arn
}

output "distribution_id" {
  description = "The distribution's id, for metrics and invalidations."
  value       = aws_cloudfront_distribution.results.id
}

output "signing_key_ids" {
  description = "Ids by which CloudFront knows the public keys of signers, by name."
  value       = { for name, key in aws_cloudfront_public_key.signer : name => key.id }
}

output "domain" {
  description = "Host name that results are delivered under."
  value       = length(var.delivery.host_names) > 0 ? var.delivery.host_names[0] : aws_cloudfront_distribution.results.domain_name
}
