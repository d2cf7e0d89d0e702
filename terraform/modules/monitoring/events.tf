# States of AWS Batch's jobs as metrics, without asking for them (Describe calls are limited and cost the account's share):
# EventBridge writes the events into a log, and metric filters count them there. The log also answers questions by
# CloudWatch Logs Insights.

locals {
  # One for each installation, or those of one account would ring each other's alarms.
  namespace = var.namespace

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

  # What Batch says of an attempt whose capacity was taken away.
  taken = var.compute == "FARGATE" ? "Your Spot Task was interrupted*" : "Host EC2*"

  # The last attempt counts, once: with each further one, the event of a job lists the earlier ones again.
  taken_last = join(" || ", [for attempt in range(5) :
    "($.detail.attempts[${attempt}].statusReason = \"${local.taken}\" && $.detail.attempts[${attempt + 1}].statusReason NOT EXISTS)"
  ])

  # Which lines of which logs are counted under which metric.
  counted = merge(
    {
      jobsInState = {
        log        = aws_cloudwatch_log_group.jobs.name
        metric     = "jobsInState"
        pattern    = "{ $.detail.status = \"RUNNABLE\" || $.detail.status = \"RUNNING\" || $.detail.status = \"SUCCEEDED\" || $.detail.status = \"FAILED\" }"
        dimensions = { jobQueue = "$.detail.jobQueue", status = "$.detail.status" }
      }
      jobQueuesBlocked = {
        log        = aws_cloudwatch_log_group.jobs.name
        metric     = "jobQueuesBlocked"
        pattern    = "{ $.detail-type = \"Batch Job Queue Blocked\" }"
        dimensions = null
      }
      jobsTakenBySpot = {
        log        = aws_cloudwatch_log_group.jobs.name
        metric     = "jobsTakenBySpot"
        pattern    = "{ ($.detail.status = \"RUNNABLE\" || $.detail.status = \"FAILED\") && (${local.taken_last}) }"
        dimensions = null
      }
      jobsOutOfMemory = {
        log        = aws_cloudwatch_log_group.jobs.name
        metric     = "jobsOutOfMemory"
        pattern    = "{ $.detail.status = \"FAILED\" && ($.detail.container.reason = \"OutOfMemory*\" || $.detail.eksAttempts[0].containers[0].reason = \"OOMKilled\") }"
        dimensions = null
      }
      uploadsEnded = {
        log        = var.output_log_group_name
        metric     = "uploadsEnded"
        pattern    = "{ $.uploads > 0 }"
        dimensions = null
      }
    },
    # The kernel's words, as the jobs pass them on.
    { for kind in local.kind_names : "noSpaceLeft-${kind}" => {
      log        = var.kinds[kind].log_group_name
      metric     = "noSpaceLeft"
      pattern    = "\"No space left on device\""
      dimensions = null
    } },
  )
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
  log_group_name = each.value.log
  pattern        = each.value.pattern

  metric_transformation {
    name       = each.value.metric
    namespace  = local.namespace
    value      = "1"
    unit       = "Count"
    dimensions = each.value.dimensions
  }
}
