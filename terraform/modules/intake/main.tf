# Upload -> EventBridge -> classify: every new object of S3_INPUT, whatever its name is.

module "classify" {
  source = "../function"

  name                  = var.name
  role_name             = "classify"
  zip                   = var.function.zip
  architecture          = var.function.architecture
  memory_mib            = 256
  timeout_seconds       = 60
  reserved_concurrency  = var.function.reserved_concurrency
  log_retention_days    = var.function.log_retention_days
  kms_key_arn           = var.function.kms_key_arn
  iam                   = var.function.iam
  environment           = var.environment
  asynchronous          = true
  undelivered_queue_arn = var.undelivered_queue_arn

  statements = [
    {
      Sid      = "ReadUploads"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
      Resource = "${var.input_bucket.arn}/*"
    },
    {
      # Without it S3 says "forbidden" instead of "not found" for an object that is gone already.
      Sid      = "TellGoneFromForbidden"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = var.input_bucket.arn
    },
    {
      Sid      = "QueueRequests"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = [for kind in sort(keys(var.queue_arns)) : var.queue_arns[kind]]
    },
    {
      Sid      = "RecordUploads"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [var.input_table_arn, "${var.input_table_arn}/index/*"]
    },
    {
      Sid      = "TellWhatWasRefused"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = var.topic_arn
    },
  ]
}

module "uploads" {
  source = "../rule"

  name                  = var.name
  rule_name             = "uploads"
  description           = "Every object created in ${var.input_bucket.name}"
  target_name           = "classify"
  target_arn            = module.classify.arn
  function_name         = module.classify.name
  undelivered_queue_arn = var.undelivered_queue_arn

  pattern = {
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail      = { bucket = { name = [var.input_bucket.name] } }
  }
}

# What nobody told of: objects without a record, and requests that nobody took.
module "sweep" {
  source = "../rule"

  name                  = var.name
  rule_name             = "sweep"
  description           = "Looks for uploads without a record, and for requests that nobody took"
  schedule              = "rate(${var.reconcile_minutes} minutes)"
  target_name           = "classify"
  target_arn            = module.classify.arn
  function_name         = module.classify.name
  undelivered_queue_arn = var.undelivered_queue_arn
}
