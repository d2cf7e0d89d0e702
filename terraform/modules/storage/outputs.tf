output "buckets" {
  description = "Name, ARN and regional host name of each bucket: input, output, work, and logs where there are access logs."
  value = {
    for bucket, this in merge(aws_s3_bucket.this, data.aws_s3_bucket.existing) : bucket => {
      name      = this.id
      arn       = this.arn
      host_name = this.bucket_regional_domain_name
    }
  }
}

output "read_by_cloudfront" {
  description = "Statements with which the policy of the bucket of results lets CloudFront read."
  value       = local.read_by_cloudfront
}
