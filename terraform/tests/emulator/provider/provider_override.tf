# How the provider finds an emulator of AWS (moto's server) instead of AWS: copied beside a configuration by the tests, never
# used otherwise. The address comes from AWS_ENDPOINT_URL.

provider "aws" {
  access_key                  = "emulator"
  secret_key                  = "emulator"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
