output "buckets" {
  description = "Name, ARN and regional host name of each bucket: input, output, work, and logs where there are access logs."
  value = {
    for bucket, this in aws_s3_bucket.this : bucket => {
      name      = this.id
      arn       = this.arn
      host_name = this.bucket_regional_domain_name
    }
  }
}
