# What the operator's program (`pipeline status --aws`, `explain`, `submit`, `redrive`, `cancel`, `backfill`, `url`) and the runbook's commands need: an output, for
# whatever roles the account's people have.

locals {
  # What the operator's program knows beside what the functions know.
  operator_environment = {
    AWS_REGION              = local.region
    SQS_UNDELIVERED_UPLOADS = module.queues.undelivered["undelivered-uploads"].url
    SQS_UNDELIVERED_RESULTS = module.queues.undelivered["undelivered-results"].url
    CLOUDFRONT_KEY_ID       = local.signer_key_id
    CLOUDFRONT_SIGNING_KEY  = try(var.delivery.signing_secret.arn, "")
  }

  # The key of the secret; without one, the only key there is.
  signer_key_id = var.delivery.signing_secret == null ? (length(local.signing_key_ids) == 1 ? one(values(local.signing_key_ids)) : "") : local.signing_key_ids[var.delivery.signing_secret.key]

  operator_statements = concat(
    [
      {
        Sid      = "ReadRecords"
        Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]
        Resource = flatten([for table in values(module.tables.tables) : [table.arn, "${table.arn}/index/*"]])
      },
      {
        # What could not be processed is processed by the operator's program: redrive --state undelivered.
        Sid      = "RecordWhatIsSentAgain"
        Action   = "dynamodb:PutItem"
        Resource = [for table in values(module.tables.tables) : table.arn]
      },
      {
        Sid      = "SendAgain"
        Action   = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
        Resource = [for queue in values(module.queues.requests) : queue.arn]
      },
      {
        Sid      = "TakeUpWhatWasLaidAside"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
        Resource = [for queue in concat(values(module.queues.dead_letters), values(module.queues.undelivered)) : queue.arn]
      },
      {
        # AWS has no narrower resource for these actions.
        Sid      = "AskBatch"
        Action   = ["batch:DescribeJobs", "batch:ListJobs", "batch:DescribeJobQueues", "batch:DescribeComputeEnvironments"]
        Resource = "*"
      },
      {
        Sid      = "EndJobs"
        Action   = "batch:TerminateJob"
        Resource = "arn:${local.partition}:batch:${local.region}:${data.aws_caller_identity.current.account_id}:job/*"
      },
      {
        Sid    = "SubmitByHand"
        Action = ["batch:SubmitJob", "batch:TagResource"]
        Resource = concat(
          values(local.job_queue_arns),
          flatten([for definition in values(module.compute.job_definitions) : [definition.arn, "${definition.arn}:*"]]),
        )
      },
      {
        Sid      = "ReadUploadsAndResults"
        Action   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
        Resource = [for bucket in ["input", "output", "work"] : "${module.storage.buckets[bucket].arn}/*"]
      },
      {
        Sid      = "ListUploadsAndResults"
        Action   = "s3:ListBucket"
        Resource = [for bucket in ["input", "output", "work"] : module.storage.buckets[bucket].arn]
      },
      {
        Sid      = "TellWhatWasRefused"
        Action   = "sns:Publish"
        Resource = module.notifications.jobs_topic_arn
      },
      {
        Sid    = "ReadLogs"
        Action = ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams", "logs:StartQuery"]
        Resource = flatten([
          for group in ["/${var.name}/*", "/aws/events/${var.name}-jobs"] :
          ["arn:${local.partition}:logs:${local.region}:${data.aws_caller_identity.current.account_id}:log-group:${group}", "arn:${local.partition}:logs:${local.region}:${data.aws_caller_identity.current.account_id}:log-group:${group}:*"]
        ])
      },
    ],
    [{
      Sid      = "PauseAndResume"
      Action   = "lambda:UpdateEventSourceMapping"
      Resource = local.mapping_arns
    }],
    local.event_bus == null ? [] : [{
      Sid      = "TellOfEnds"
      Action   = "events:PutEvents"
      Resource = local.event_bus.arn
    }],
    # Events of deletions that could not be processed are processed by the operator's program, too.
    !var.delete_results_with_upload ? [] : [{
      Sid      = "DeleteWhatWasMadeOfADeletedUpload"
      Action   = "s3:DeleteObject"
      Resource = "${module.storage.buckets["output"].arn}/*"
    }],
    var.delivery.signing_secret == null ? [] : [{
      Sid      = "SignUrlsOfResults"
      Action   = "secretsmanager:GetSecretValue"
      Resource = var.delivery.signing_secret.arn
    }],
    var.kms_key_arn == null ? [] : [{
      Sid      = "UseTheCustomerKey"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.kms_key_arn
    }],
  )
}
