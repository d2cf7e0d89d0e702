# One installation in one region: modules/pipeline with its variables as they are (variables.tf is the module's own). Another
# root can call the module as well, for several regions or beside other things: examples/module.

variable "region" {
  description = "AWS region of everything, for example us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as us-east-1 or eu-central-1."
  }
}

# variables.tf names the kinds in its validations; here they are those of the generated profiles.
locals {
  kinds_as_shipped = jsondecode(file("${path.module}/modules/pipeline/profiles.json")).kinds
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ Project = var.name, ManagedBy = "terraform" }, var.tags)
  }
}

module "pipeline" {
  source = "./modules/pipeline"

  name                        = var.name
  tags                        = var.tags
  force_destroy               = var.force_destroy
  kms_key_arn                 = var.kms_key_arn
  iam                         = var.iam
  log_retention_days          = var.log_retention_days
  compute                     = var.compute
  spot                        = var.spot
  shares                      = var.shares
  spot_fallback               = var.spot_fallback
  max_vcpus                   = var.max_vcpus
  job_architecture            = var.job_architecture
  ec2                         = var.ec2
  eks                         = var.eks
  kinds                       = var.kinds
  image_tag                   = var.image_tag
  with_weights                = var.with_weights
  images                      = var.images
  network                     = var.network
  lambda_architecture         = var.lambda_architecture
  lambda_zips_folder          = var.lambda_zips_folder
  lambda_reserved_concurrency = var.lambda_reserved_concurrency
  log_level                   = var.log_level
  fast_path                   = var.fast_path
  dispatch                    = var.dispatch
  record                      = var.record
  reconcile                   = var.reconcile
  packing                     = var.packing
  processing_rules            = var.processing_rules
  input_lifecycle             = var.input_lifecycle
  output_lifecycle            = var.output_lifecycle
  existing_buckets            = var.existing_buckets
  delete_results_with_upload  = var.delete_results_with_upload
  cors_allowed_origins        = var.cors_allowed_origins
  record_days                 = var.record_days
  table_capacity              = var.table_capacity
  delivery                    = var.delivery
  notification_subscriptions  = var.notification_subscriptions
  upload_events               = var.upload_events
  webhook_secret              = var.webhook_secret
  budget                      = var.budget
  engines                     = var.engines
  alarms                      = var.alarms
}
