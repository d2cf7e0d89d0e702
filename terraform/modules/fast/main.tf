# The fast path: a queue for each kind before its ordinary one, and what takes its requests at once: a function of the kind's
# container image, or workers that are always running. Whatever does not end there goes to the kind's ordinary queue, by the program
# or by the redrive policy, and AWS Batch does it. docs/fast-path.md tells what decides, and what has to be proved before it is on.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  functions = var.settings.by == "lambda" ? var.kinds : {}
  workers   = var.settings.by == "workers" ? var.kinds : {}

  # Lambda wants six times the function's timeout; a worker says itself how long a message stays with it.
  visibility_seconds = 6 * var.settings.timeout_seconds

  statements = {
    for kind, setting in var.kinds : kind => concat(
      [
        {
          Sid      = "ReadUploads"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "${var.input_bucket.arn}/*"
        },
        {
          Sid      = "WriteResults"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:AbortMultipartUpload"]
          Resource = "${var.output_bucket.arn}/*"
        },
        {
          # What is committed already, by a duplicate or by a later version. Of the results, only manifests are read.
          Sid      = "ReadManifests"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${var.output_bucket.arn}/*/manifest.json"
        },
        {
          # Without it S3 says "forbidden" instead of "not found", and a deleted upload would look like a missing right.
          Sid      = "TellGoneFromForbidden"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = [var.input_bucket.arn, var.output_bucket.arn]
        },
        {
          Sid      = "TellHowItEnded"
          Effect   = "Allow"
          Action   = "sns:Publish"
          Resource = var.topic_arn
        },
        {
          Sid      = "TakeRequests"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
          Resource = aws_sqs_queue.fast[kind].arn
        },
        {
          Sid      = "LeaveTheRestToBatch"
          Effect   = "Allow"
          Action   = "sqs:SendMessage"
          Resource = setting.ordinary_queue.arn
        },
      ],
      var.kms_key_arn == null ? [] : [{
        Sid      = "UseTheCustomerKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arn
      }],
    )
  }

  variables = {
    for kind, setting in var.kinds : kind => merge(var.environment, { (setting.queue_variable) = setting.ordinary_queue.url })
  }
}

resource "aws_sqs_queue" "fast" {
  for_each = var.kinds

  name                       = "${var.name}-${each.key}-fast"
  visibility_timeout_seconds = local.visibility_seconds
  message_retention_seconds  = 4 * 24 * 3600
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = each.value.ordinary_queue.arn
    maxReceiveCount     = 2
  })
}

resource "aws_sqs_queue_policy" "fast" {
  for_each = var.kinds

  queue_url = aws_sqs_queue.fast[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.fast[each.key].arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_cloudwatch_log_group" "fast" {
  # checkov:skip=CKV_AWS_158:Encrypted with a key that AWS owns unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_338:The retention is the user's choice (log_retention_days).
  for_each = var.kinds

  name              = "/${var.name}/fast/${each.value.job}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "fast" {
  for_each = var.kinds

  name                 = "${var.iam.prefix}-${each.value.job}-fast"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = var.settings.by == "lambda" ? "lambda.amazonaws.com" : "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "fast" {
  for_each = var.kinds

  name = "fast"
  role = aws_iam_role.fast[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.statements[each.key], var.settings.by != "lambda" ? [] : [{
      Sid      = "WriteItsLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.fast[each.key].arn}:*"
    }])
  })
}
