# Queues -> dispatch -> AWS Batch: packs small objects, one job for a large one.

module "dispatch" {
  source = "../function"

  name                  = var.name
  role_name             = "dispatch"
  zip                   = var.function.zip
  architecture          = var.function.architecture
  memory_mib            = 512
  timeout_seconds       = var.timeout_seconds
  reserved_concurrency  = var.function.reserved_concurrency
  log_retention_days    = var.function.log_retention_days
  kms_key_arn           = var.function.kms_key_arn
  iam                   = var.function.iam
  environment           = var.environment
  asynchronous          = false
  undelivered_queue_arn = null

  statements = [
    {
      Sid      = "ReadQueues"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
      Resource = [for kind in sort(keys(var.queue_arns)) : var.queue_arns[kind]]
    },
    {
      Sid      = "LayPoisonAside"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = [for kind in sort(keys(var.dead_letter_queue_arns)) : var.dead_letter_queue_arns[kind]]
    },
    {
      Sid    = "SubmitJobs"
      Effect = "Allow"
      Action = ["batch:SubmitJob", "batch:TagResource"]
      Resource = concat(
        [for kind in sort(keys(var.job_queue_arns)) : var.job_queue_arns[kind]],
        flatten([for kind in sort(keys(var.job_definition_arns)) : [var.job_definition_arns[kind], "${var.job_definition_arns[kind]}:*"]]),
      )
    },
    {
      # Whether a job whose submission got no answer is there. AWS has no narrower resource for this action.
      Sid      = "FindJobs"
      Effect   = "Allow"
      Action   = "batch:ListJobs"
      Resource = "*"
    },
    {
      # What an operator cancels while it is being submitted.
      Sid      = "EndJobs"
      Effect   = "Allow"
      Action   = "batch:TerminateJob"
      Resource = distinct([for arn in values(var.job_queue_arns) : "${join(":", slice(split(":", arn), 0, 5))}:job/*"])
    },
    {
      Sid      = "WriteLists"
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:GetObject"]
      Resource = "${var.work_bucket.arn}/*"
    },
    {
      Sid      = "RecordJobs"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"]
      Resource = var.input_table_arn
    },
    {
      Sid      = "TellWhatWasRefused"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = var.topic_arn
    },
  ]
}

resource "aws_lambda_event_source_mapping" "requests" {
  for_each = var.queue_arns

  event_source_arn                   = each.value
  function_name                      = module.dispatch.arn
  batch_size                         = var.batching.batch_size
  maximum_batching_window_in_seconds = var.batching.window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.batching.max_concurrency
  }

  # The budget guard and operators stop and start it; what they decided survives an apply.
  lifecycle {
    ignore_changes = [enabled]
  }
}
