# A root of one's own: the pipeline in two regions, one of them on buckets that exist. What is said here twice is all that there is.
#
#     make lambda-zips
#     cd terraform/examples/module && terraform init && terraform apply

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Project is the tag by which an installation's budget finds what belongs to it.
provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = { Project = "media" }
  }
}

provider "aws" {
  alias  = "frankfurt"
  region = "eu-central-1"

  default_tags {
    tags = { Project = "media" }
  }
}

variable "lambda_zips_folder" {
  description = "Folder of the functions' zips. Null: where `make lambda-zips` of this repository puts them."
  type        = string
  default     = null
}

module "virginia" {
  source = "../../modules/pipeline"

  name               = "media"
  lambda_zips_folder = var.lambda_zips_folder

  delivery = {
    public_paths = ["*/resize/*"]
  }
}

module "frankfurt" {
  source = "../../modules/pipeline"

  providers = {
    aws = aws.frankfurt
  }

  name               = "media"
  lambda_zips_folder = var.lambda_zips_folder

  # Whoever owns them adds what existing_bucket_settings says.
  existing_buckets = {
    input  = "team-uploads"
    output = "team-results"
  }
}

output "existing_bucket_settings" {
  description = "What the owner of team-uploads and team-results adds to them."
  value       = module.frankfurt.existing_bucket_settings
}

output "uploads" {
  description = "Where to upload to, by region."
  value       = { us-east-1 = module.virginia.installation.buckets.input, eu-central-1 = module.frankfurt.installation.buckets.input }
}
