# What is different against an emulator of AWS (moto's server) instead of AWS: copied beside the configuration by
# scripts/terraform-test, never used otherwise. The address comes from AWS_ENDPOINT_URL.

provider "aws" {
  access_key                  = "emulator"
  secret_key                  = "emulator"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}

module "compute" {
  service_role_arn = aws_iam_role.emulated_batch.arn
}
