# Once for each AWS account: the bucket that keeps Terraform's state, so that it is neither on somebody's laptop nor lost.
# Its own state stays local, in this folder; it can be imported again should that be lost.
#
#     cd terraform/bootstrap && terraform init && terraform apply
#
# Then put the output `backend` into terraform/backend.tf and say `terraform init -migrate-state`.

terraform {
  required_version = ">= 1.10" # locking by a file in the bucket (use_lockfile)

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "AWS region of the state, for example us-east-1."
  type        = string
}

variable "name" {
  description = "First part of the bucket's name."
  type        = string
  default     = "terraform-state"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and hyphens."
  }
}

data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV_AWS_18:Who reads the state is in CloudTrail's data events, where an organisation wants them.
  # checkov:skip=CKV_AWS_144:Versioned; a copy in a second region is the organisation's decision.
  # checkov:skip=CKV_AWS_145:Encrypted with S3's own keys; the state of this project has no secret.
  # checkov:skip=CKV2_AWS_62:Nothing listens to changes of the state.
  bucket = "${var.name}-${data.aws_caller_identity.current.account_id}-${var.region}"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days           = 365
      newer_noncurrent_versions = 20
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.state]
}

output "backend" {
  description = "What to write into terraform/backend.tf; `key` tells several installations apart."
  value       = <<-EOT
    terraform {
      backend "s3" {
        bucket       = "${aws_s3_bucket.state.bucket}"
        key          = "data-pipeline/media.tfstate"
        region       = "${var.region}"
        use_lockfile = true
        encrypt      = true
      }
    }
  EOT
}
