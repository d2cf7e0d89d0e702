# The bucket of the state.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::state"
    }
  }
}

variables {
  region = "eu-central-1"
}

run "the_state_is_kept_safe" {
  command = plan

  assert {
    condition     = aws_s3_bucket.state.bucket == "terraform-state-123456789012-eu-central-1" && aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "Every version of the state is kept, in a bucket of this account and region."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.state.block_public_acls && aws_s3_bucket_public_access_block.state.block_public_policy && aws_s3_bucket_public_access_block.state.ignore_public_acls && aws_s3_bucket_public_access_block.state.restrict_public_buckets
    error_message = "The state cannot be made public."
  }

  assert {
    condition     = strcontains(output.backend, "bucket       = \"terraform-state-123456789012-eu-central-1\"") && strcontains(output.backend, "use_lockfile = true")
    error_message = "The backend's lines name the bucket and lock by a file in it."
  }
}
