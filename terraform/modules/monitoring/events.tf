# States of AWS Batch's jobs as metrics, without asking for them (Describe calls are limited and cost the account's share):
# EventBridge writes the events into a log, and metric filters count them there. The log also answers questions by
# CloudWatch Logs Insights.

locals {
  namespace = "DataPipeline"

  job_queue_arns = [for kind in sort(keys(var.kinds)) : var.kinds[kind].job_queue_arn]

  rules = {
    job-log = {
      description = "State changes of jobs, for the log of job events"
      pattern     = { source = ["aws.batch"], detail-type = ["Batch Job State Change"], detail = { jobQueue = local.job_queue_arns } }
    }
    job-queue-blocked = {
      description = "The first job of a queue cannot be placed, and holds up the others"
      pattern     = { source = ["aws.batch"], detail-type = ["Batch Job Queue Blocked"], resources = local.job_queue_arns }
    }
  }

  # Which events are counted under which metric.
  counted = {
    jobsInState = {
      pattern    = "{ $.detail-type = \"Batch Job State Change\" }"
      dimensions = { status = "$.detail.status" }
    }
    jobQueuesBlocked = {
      pattern    = "{ $.detail-type = \"Batch Job Queue Blocked\" }"
      dimensions = null
    }
    jobsTakenBySpot = {
      pattern    = "{ ($.detail.status = \"RUNNABLE\" || $.detail.status = \"FAILED\") && ($.detail.attempts[0].statusReason = \"Host EC2*\" || $.detail.attempts[0].statusReason = \"Your Spot Task was interrupted*\") }"
      dimensions = null
    }
  }
}

resource "aws_cloudwatch_log_group" "jobs" {
  # checkov:skip=CKV_AWS_158:Encrypted with a key that AWS owns unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_338:The retention is the user's choice (log_retention_days).
  # EventBridge may write to groups below /aws/events/ only.
  name              = "/aws/events/${var.name}-jobs"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name = "${var.name}-job-events"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "EventBridgeMakesStreams"
        Effect    = "Allow"
        Principal = { Service = ["events.amazonaws.com", "delivery.logs.amazonaws.com"] }
        Action    = "logs:CreateLogStream"
        Resource  = "${aws_cloudwatch_log_group.jobs.arn}:*"
      },
      {
        Sid       = "TheRulesWrite"
        Effect    = "Allow"
        Principal = { Service = ["events.amazonaws.com", "delivery.logs.amazonaws.com"] }
        Action    = "logs:PutLogEvents"
        Resource  = "${aws_cloudwatch_log_group.jobs.arn}:*:*"
        Condition = { ArnEquals = { "aws:SourceArn" = [for rule in module.rules : rule.arn] } }
      },
    ]
  })
}

module "rules" {
  source   = "../rule"
  for_each = local.rules

  name                  = var.name
  rule_name             = each.key
  description           = each.value.description
  pattern               = each.value.pattern
  target_name           = "log"
  target_arn            = aws_cloudwatch_log_group.jobs.arn
  undelivered_queue_arn = var.undelivered_queue_arn
}

resource "aws_cloudwatch_log_metric_filter" "jobs" {
  for_each = local.counted

  name           = each.key
  log_group_name = aws_cloudwatch_log_group.jobs.name
  pattern        = each.value.pattern

  metric_transformation {
    name       = each.key
    namespace  = local.namespace
    value      = "1"
    unit       = "Count"
    dimensions = each.value.dimensions
  }
}
