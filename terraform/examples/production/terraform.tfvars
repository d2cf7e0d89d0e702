# 5 TB a day with people who rely on it: jobs without public addresses, cheaper processors, alarms to a mailbox, a budget,
# old uploads in a cheaper class.
#
#     make lambda-zips
#     cd terraform && terraform init && terraform apply -var-file=examples/production/terraform.tfvars

name   = "media-prod"
region = "us-east-1"

compute          = "EC2"
spot             = true
max_vcpus        = 1024
job_architecture = "X86_64"

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

delivery = {
  price_class = "PriceClass_200"
  access_logs = true
}

alarms = {
  emails             = ["media-operations@example.com"]
  turnaround_seconds = 600
  failure_percent    = 2
  monthly_budget_usd = 30000
}

tags = {
  Environment = "production"
}
