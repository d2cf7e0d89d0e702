# A function of the control plane.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "media"
  role_name             = "classify"
  zip                   = "tests/function.tftest.hcl" # any file that is there
  architecture          = "arm64"
  memory_mib            = 256
  timeout_seconds       = 30
  environment           = { S3_INPUT = "uploads" }
  reserved_concurrency  = null
  asynchronous          = true
  undelivered_queue_arn = "arn:aws:sqs:us-east-1:123456789012:undelivered"
  log_retention_days    = 14
  kms_key_arn           = null
  iam                   = { prefix = "media-us-east-1", path = "/media/", permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary" }
  statements            = [{ Sid = "ReadUploads", Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::uploads/*" }]
}

run "it_may_do_what_it_is_told_and_write_its_log" {
  module {
    source = "./modules/function"
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid] == ["WriteItsLog", "ReadUploads", "LayAsideWhatFails"]
    error_message = "The policy is the caller's statements, the log and the queue of failed events."
  }

  assert {
    condition     = aws_iam_role.this.name == "media-us-east-1-classify" && aws_iam_role.this.path == "/media/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "Its role is bounded and called as it was told."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 14 && aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.this.name
    error_message = "The log has a retention and is the one the function writes to."
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.runtime == "provided.al2023"
    error_message = "The architecture is the caller's."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this["events"].destination_config[0].on_failure[0].destination == var.undelivered_queue_arn
    error_message = "Events that fail even after the retries are laid aside."
  }
}

run "without_its_zip_it_says_how_to_make_it" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    zip = "../target/lambda/no-such-lambda.zip"
  }

  expect_failures = [aws_lambda_function.this]
}
