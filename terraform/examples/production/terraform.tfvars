# 5 TB a day with people who rely on it: jobs without public addresses, cheaper processors, alarms to a mailbox, a budget,
# old uploads in a cheaper class.
#
#     make lambda-zips
#     cd terraform && terraform init && terraform apply -var-file=examples/production/terraform.tfvars

name   = "media-prod"
region = "us-east-1"

compute          = "EC2"
spot             = true
max_vcpus        = 256
job_architecture = "X86_64"

# Videos take the most; a transcode of hours is dear to begin again, so none of them runs on Spot.
kinds = {
  image = { max_vcpus = 512 }
  video = { max_vcpus = 512, spot = false, instance_disk_gib = 500 }
}

ec2 = {
  image_refresh = "cron(0 3 ? * SUN#1 *)"
}

network = {
  private   = true
  flow_logs = true
}

lambda_reserved_concurrency = {
  classify = 200
  dispatch = 10
  output   = 200
}

log_retention_days = 90

input_lifecycle = {
  transition_days  = 30
  transition_class = "GLACIER_IR"
  noncurrent_days  = 7
}

output_lifecycle = {
  transition_days  = 30
  transition_class = "INTELLIGENT_TIERING"
}

cors_allowed_origins = ["https://app.example.com"]

# Who signs URLs of results. This key is an example, whose private half nobody has: put yours (docs/deploy.md).
delivery = {
  price_class = "PriceClass_200"
  access_logs = true
  signing_public_keys = {
    web = <<-EOT
      -----BEGIN PUBLIC KEY-----
      MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0n6NE2XYf1OLcRCvGXMN
      CQLysoDiS5YLqghmW67PVa7Mq9IrGwfWkb233zB8j1Ow/l7WzdHck7b/kz1j/xXX
      ji1rdlWNWQPgdliin88n0AFLbNRIadaivE47pYLCuL4HV0Za24LABqnOjHOa4K98
      OIttuW9ylt/o/26ZDdtxShUbskucg0afoHlyzECv8zDcYvOE4jNHN4WuGUt0/eot
      r07xQ2mlEl/TXgzQJSj+PO8PSP2cO4iNWCFGcyPOjz/FudWkR3jImLmVr2njSz3I
      /MljR11duo2/ZwCuj2Xn2AOUaQ195L7w8CDZduizGpa1DlerMBauzzEFNICSwd6L
      awIDAQAB
      -----END PUBLIC KEY-----
    EOT
  }
}

alarms = {
  emails             = ["media-operations@example.com"]
  turnaround_seconds = 600
  failure_percent    = 2
  monthly_budget_usd = 30000
  s3_request_metrics = true
  canary_minutes     = 15
}

tags = {
  Environment = "production"
}
