# One function of the control plane: its program, its role with exactly what it does, its log, and where an event goes
# whose processing failed.

data "aws_caller_identity" "current" {}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:The records carry the time of every step (docs/monitoring.md); tracing would cost as much as the calls.
  # checkov:skip=CKV_AWS_115:Reserved concurrency is by variable (lambda_reserved_concurrency): a new account has 10 in all and could not spare any.
  # checkov:skip=CKV_AWS_116:Failed events go to a queue by aws_lambda_function_event_invoke_config, which tells more than a dead-letter configuration.
  # checkov:skip=CKV_AWS_117:The function talks to AWS APIs alone; in a VPC it would need endpoints for each of them and gain nothing.
  # checkov:skip=CKV_AWS_173:The environment has names of resources and no secret; encrypted with a key that AWS owns unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_272:The zip is built reproducibly and its hash is in the plan; a signing profile is the organisation's to add.
  function_name                  = "${var.name}-${var.role_name}"
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = var.zip
  source_code_hash               = fileexists(var.zip) ? filebase64sha256(var.zip) : null
  memory_size                    = var.memory_mib
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = var.environment
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.zip)
      error_message = "${var.zip} is not there. Build the functions' zips first: `make lambda-zips` in the top folder of this repository. Or say where they are with lambda_zips_folder."
    }
  }

  # Without its policy the first calls would fail, and be retried minutes later.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:Encrypted with a key that AWS owns unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_338:The retention is the user's choice (log_retention_days).
  name              = "/${var.name}/functions/${var.role_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "this" {
  name                 = "${var.iam.prefix}-${var.role_name}"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = var.role_name
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "WriteItsLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      }],
      var.statements,
      !var.asynchronous ? [] : [{
        Sid      = "LayAsideWhatFails"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = var.undelivered_queue_arn
      }],
      var.kms_key_arn == null ? [] : [{
        Sid      = "UseTheCustomerKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arn
      }],
    )
  })
}

resource "aws_lambda_function_event_invoke_config" "this" {
  for_each = var.asynchronous ? toset(["events"]) : toset([])

  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = 6 * 3600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = var.undelivered_queue_arn
    }
  }
}
