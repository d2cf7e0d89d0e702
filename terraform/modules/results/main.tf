# What came of it -> output: messages of SNS_NOTIF, states of Batch jobs and removals from S3_OUTPUT, in any order.

module "output" {
  source = "../function"

  name                  = var.name
  role_name             = "output"
  zip                   = var.function.zip
  architecture          = var.function.architecture
  memory_mib            = 256
  timeout_seconds       = local.timeout_seconds
  reserved_concurrency  = var.function.reserved_concurrency
  log_retention_days    = var.function.log_retention_days
  kms_key_arn           = var.function.kms_key_arn
  iam                   = var.function.iam
  environment           = var.environment
  asynchronous          = true
  undelivered_queue_arn = var.undelivered_queue_arn

  statements = concat(length(var.fallback_queue_arns) == 0 ? [] : [{
    Sid      = "SendToOnDemandCapacity"
    Effect   = "Allow"
    Action   = "sqs:SendMessage"
    Resource = var.fallback_queue_arns
    }], length(var.fallback_queue_arns) == 0 && var.deletions_of == null ? [] : [{
    # Of an upload that was deleted, and the other parts of a job of which Spot took one away.
    Sid      = "EndJobs"
    Effect   = "Allow"
    Action   = "batch:TerminateJob"
    Resource = distinct([for arn in values(var.job_queue_arns) : "${join(":", slice(split(":", arn), 0, 5))}:job/*"])
    }], !var.has_budget ? [] : [{
    Sid      = "PauseDispatch"
    Effect   = "Allow"
    Action   = "lambda:UpdateEventSourceMapping"
    Resource = var.mapping_arns
    }], var.event_bus_arn == null ? [] : [{
    Sid      = "TellOfEnds"
    Effect   = "Allow"
    Action   = "events:PutEvents"
    Resource = var.event_bus_arn
    }], var.deletions_of == null ? [] : [{
    Sid      = "DeleteWhatWasMadeOfADeletedUpload"
    Effect   = "Allow"
    Action   = "s3:DeleteObject"
    Resource = "${var.output_bucket.arn}/*"
    }], [
    {
      Sid      = "ReadEvents"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
      Resource = aws_sqs_queue.events.arn
    },
    {
      Sid      = "ReadResults"
      Effect   = "Allow"
      Action   = "s3:GetObject"
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
      Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = flatten([for table in sort(keys(var.table_arns)) : [var.table_arns[table], "${var.table_arns[table]}/index/*"]])
    },
    {
      # AWS has no narrower resource for these actions.
      Sid      = "AskAboutJobsWhoseEndWasNotTold"
      Effect   = "Allow"
      Action   = ["batch:DescribeJobs", "batch:ListJobs"]
      Resource = "*"
    },
    {
      Sid      = "TellOfKilledJobs"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = var.topic_arn
    },
  ])
}

locals {
  timeout_seconds = 60

  rules = merge(var.deletions_of == null ? {} : {
    deletions = {
      description = "Every upload that somebody deleted in ${var.deletions_of}"
      pattern = {
        source      = ["aws.s3"]
        detail-type = ["Object Deleted"]
        # Whoever lets old uploads expire wants to keep what was made from them.
        detail = { bucket = { name = [var.deletions_of] }, reason = [{ anything-but = ["Lifecycle Expiration"] }] }
      }
    }
    }, !var.removals_by_bus ? {} : {
    results = {
      description = "Every object deleted in ${var.output_bucket.name}"
      pattern = {
        source      = ["aws.s3"]
        detail-type = ["Object Deleted"]
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
    }, {
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
  })
}

module "rules" {
  source   = "../rule"
  for_each = local.rules

  name                  = var.name
  rule_name             = each.key
  description           = each.value.description
  pattern               = each.value.pattern
  target_name           = "output"
  target_arn            = aws_sqs_queue.events.arn
  undelivered_queue_arn = var.undelivered_queue_arn
}

# Events wait here, so that one call of output takes many of them.
resource "aws_sqs_queue" "events" {
  name                       = "${var.name}-events"
  visibility_timeout_seconds = 6 * local.timeout_seconds + var.batching.window_seconds
  message_retention_seconds  = 4 * 24 * 3600
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn

  # An event that fails comes again after half a minute, then later and later: ten times take more than an hour.
  redrive_policy = jsonencode({ deadLetterTargetArn = var.undelivered_queue_arn, maxReceiveCount = 10 })
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.events.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for role, rule in module.rules : {
        Sid       = "EventsOf${replace(title(role), "-", "")}"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.events.arn
        Condition = { ArnEquals = { "aws:SourceArn" = rule.arn } }
      }],
      [{
        # By its own notifications (terraform/modules/storage), which its owner may add to a bucket that exists.
        Sid       = "RemovalsFromResults"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.events.arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = var.output_bucket.arn }
          StringEquals = { "aws:SourceAccount" = var.account_id }
        }
      }],
      [{
        Sid       = "Notices"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.events.arn
        Condition = { ArnEquals = { "aws:SourceArn" = var.topic_arn } }
      }],
    )
  })
}

resource "aws_lambda_event_source_mapping" "events" {
  event_source_arn                   = aws_sqs_queue.events.arn
  function_name                      = module.output.arn
  batch_size                         = var.batching.batch_size
  maximum_batching_window_in_seconds = var.batching.window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.batching.max_concurrency
  }
}

# Batch's events are delivered on a best-effort basis: what has been with Batch for long is asked for.
module "reconcile" {
  source = "../rule"

  name                  = var.name
  rule_name             = "reconcile"
  description           = "Looks for uploads whose end was not told"
  schedule              = "rate(${var.reconcile_minutes} minutes)"
  target_name           = "output"
  target_arn            = module.output.arn
  function_name         = module.output.name
  undelivered_queue_arn = var.undelivered_queue_arn
}

# With the topic's envelope, which says of an undelivered message what it is.
resource "aws_sns_topic_subscription" "output" {
  topic_arn = var.topic_arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.events.arn

  redrive_policy = jsonencode({ deadLetterTargetArn = var.undelivered_queue_arn })

  depends_on = [aws_sqs_queue_policy.events]
}
