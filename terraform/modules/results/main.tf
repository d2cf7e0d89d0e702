# What came of it -> output: objects of S3_OUTPUT, messages of SNS_NOTIF and states of Batch jobs, in any order.

module "output" {
  source = "../function"

  name                  = var.name
  role_name             = "output"
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
      Sid      = "ReadResults"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:GetObjectVersion"]
      Resource = "${var.output_bucket.arn}/*"
    },
    {
      Sid      = "ReadLists"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "${var.work_bucket.arn}/*"
    },
    {
      # Without it S3 says "forbidden" instead of "not found" for an object that is gone already.
      Sid      = "TellGoneFromForbidden"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = [var.output_bucket.arn, var.work_bucket.arn]
    },
    {
      Sid      = "RecordResults"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"]
      Resource = flatten([for table in sort(keys(var.table_arns)) : [var.table_arns[table], "${var.table_arns[table]}/index/*"]])
    },
    {
      Sid      = "TellOfKilledJobs"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = var.topic_arn
    },
  ]
}

locals {
  rules = {
    results = {
      description = "Every object created or deleted in ${var.output_bucket.name}"
      pattern = {
        source      = ["aws.s3"]
        detail-type = ["Object Created", "Object Deleted"]
        detail = {
          bucket = { name = [var.output_bucket.name] }
          # When an overwritten version expires, the object is there still: no event of such an end is for output.
          "$or" = [
            { deletion-type = [{ exists = false }] },
            { deletion-type = ["Delete Marker Created"] },
            { reason = [{ anything-but = ["Lifecycle Expiration"] }] },
          ]
        }
      }
    }
    job-states = {
      description = "Jobs of this installation's queues that began or failed"
      pattern = {
        source      = ["aws.batch"]
        detail-type = ["Batch Job State Change"]
        detail = {
          jobQueue = [for kind in sort(keys(var.job_queue_arns)) : var.job_queue_arns[kind]]
          status   = ["RUNNING", "FAILED"]
        }
      }
    }
  }
}

module "rules" {
  source   = "../rule"
  for_each = local.rules

  name                  = var.name
  rule_name             = each.key
  description           = each.value.description
  pattern               = each.value.pattern
  target_name           = "output"
  target_arn            = module.output.arn
  function_name         = module.output.name
  undelivered_queue_arn = var.undelivered_queue_arn
}

resource "aws_sns_topic_subscription" "output" {
  topic_arn = var.topic_arn
  protocol  = "lambda"
  endpoint  = module.output.arn

  redrive_policy = jsonencode({ deadLetterTargetArn = var.undelivered_queue_arn })

  depends_on = [aws_lambda_permission.topic]
}

resource "aws_lambda_permission" "topic" {
  statement_id  = "topic"
  action        = "lambda:InvokeFunction"
  function_name = module.output.name
  principal     = "sns.amazonaws.com"
  source_arn    = var.topic_arn
}
