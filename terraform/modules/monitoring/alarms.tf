# Every alarm, by name: the threshold above which its result rings, in how many periods (of five minutes unless it says seconds)
# one after the other, and the metrics (m0, m1, ...) that the result is made of. docs/monitoring.md has a section for each that says
# what it means and what to do; a test compares.

locals {
  kind_names = sort(keys(var.kinds))

  dead_letter_names = concat([for kind in local.kind_names : var.kinds[kind].dead_letters_name], var.undelivered_queue_names)

  functions       = sort(keys(var.function_names))
  function_errors = [for index, function in local.functions : "FILL(m${index * 2}, 0)"]
  rule_names      = merge(var.rule_names, { for role, rule in module.rules : role => rule.name })

  # vCPUs that run in the account, as AWS counts them against its quotas.
  vcpus_in_use = [for class in ["Standard/OnDemand", "Standard/Spot"] : {
    namespace  = "AWS/Usage", name = "ResourceCount", statistic = "Maximum"
    dimensions = { Service = var.compute == "FARGATE" ? "Fargate" : "EC2", Type = "Resource", Resource = "vCPU", Class = class }
  }]

  alarms = {
    dead-letters = {
      description = "Requests or events could not be processed and are in a dead-letter queue."
      threshold   = 0
      periods     = 1
      result      = "SUM(METRICS())"
      metrics = [for queue in local.dead_letter_names : {
        namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", dimensions = { QueueName = queue }
      }]
    }
    queue-age = {
      description = "Requests wait longer than ${var.thresholds.queue_age_seconds} seconds to be dispatched, or events to be recorded."
      threshold   = var.thresholds.queue_age_seconds
      periods     = 3
      result      = "MAX(METRICS())"
      metrics = [for queue in concat([for kind in local.kind_names : var.kinds[kind].queue_name], [var.events_queue_name]) : {
        namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", statistic = "Maximum", dimensions = { QueueName = queue }
      }]
    }
    turnaround = {
      description = "One upload in twenty takes longer than ${var.thresholds.turnaround_seconds} seconds from upload to result."
      threshold   = var.thresholds.turnaround_seconds * 1000
      periods     = 3
      result      = "MAX(METRICS())"
      metrics = [for kind in local.kind_names : {
        namespace = local.namespace, name = "turnaround", statistic = "p95", dimensions = { kind = kind, state = "SUCCEEDED" }
      }]
    }
    uploads-stalled = {
      description = "Uploads come in, and for ${var.thresholds.stalled_hours} hours none has ended."
      threshold   = 0
      seconds     = 3600
      periods     = var.thresholds.stalled_hours
      result      = "IF(FILL(m0, 0) > 0 AND FILL(m1, 0) == 0, 1, 0)"
      metrics = [
        { namespace = "AWS/Events", name = "MatchedEvents", statistic = "Sum", dimensions = { RuleName = var.rule_names["uploads"] } },
        { namespace = local.namespace, name = "uploadsEnded", statistic = "Sum", dimensions = {} },
      ]
    }
    jobs-not-starting = {
      description = "Jobs of a kind are ready to run, and for an hour none of them has begun."
      threshold   = 0
      seconds     = 1800
      periods     = 2
      result      = "MAX([${join(", ", [for index, kind in local.kind_names : "IF(FILL(m${index * 2}, 0) > 0 AND FILL(m${index * 2 + 1}, 0) == 0, 1, 0)"])}])"
      metrics = flatten([for kind in local.kind_names : [for status in ["RUNNABLE", "RUNNING"] : {
        namespace = local.namespace, name = "jobsInState", statistic = "Sum", dimensions = { jobQueue = var.kinds[kind].job_queue_arn, status = status }
      }]])
    }
    failure-rate = {
      description = "More than ${var.thresholds.failure_percent} % of the operations fail."
      threshold   = var.thresholds.failure_percent
      periods     = 2
      # Below twenty operations in a period a rate says nothing.
      result = "IF(SUM(METRICS()) >= 20, 100 * (${join(" + ", [for index, kind in local.kind_names : "FILL(m${index * 2 + 1}, 0)"])}) / SUM(METRICS()), 0)"
      metrics = flatten([for kind in local.kind_names : [for outcome in ["SUCCEEDED", "FAILED"] : {
        namespace = local.namespace, name = "jobs", statistic = "Sum", dimensions = { kind = kind, outcome = outcome }
      }]])
    }
    function-errors = {
      description = "More than one in a hundred calls of classify, dispatch or output ends in an error."
      threshold   = 1
      periods     = 2
      # A few among many are tried again and no cause for anybody to get up.
      result = "IF(${join(" + ", local.function_errors)} > 5, 100 * (${join(" + ", local.function_errors)}) / SUM(METRICS()), 0)"
      metrics = flatten([for function in local.functions : [for metric in ["Errors", "Invocations"] : {
        namespace = "AWS/Lambda", name = metric, statistic = "Sum", dimensions = { FunctionName = var.function_names[function] }
      }]])
    }
    function-throttles = {
      description = "Lambda refuses calls of classify, dispatch or output for want of concurrency."
      threshold   = 0
      periods     = 3
      result      = "SUM(METRICS())"
      metrics = [for function in local.functions : {
        namespace = "AWS/Lambda", name = "Throttles", statistic = "Sum", dimensions = { FunctionName = var.function_names[function] }
      }]
    }
    function-concurrency = {
      description = "Functions of the account use more than 80 % of the ${var.thresholds.lambda_concurrency} calls at once that it may have."
      threshold   = 0.8 * var.thresholds.lambda_concurrency
      periods     = 3
      result      = "m0"
      metrics     = [{ namespace = "AWS/Lambda", name = "ConcurrentExecutions", statistic = "Maximum", dimensions = {} }]
    }
    vcpus = {
      description = "The account uses more than ${var.thresholds.capacity_percent} % of its quota of vCPUs, or of the ${var.max_vcpus} that max_vcpus allows all kinds together."
      threshold   = var.thresholds.capacity_percent
      periods     = 3
      result      = "MAX([100 * FILL(m0, 0) / ${var.max_vcpus}, 100 * FILL(m1, 0) / ${var.max_vcpus}, 100 * FILL(m0, 0) / SERVICE_QUOTA(m0), 100 * FILL(m1, 0) / SERVICE_QUOTA(m1)])"
      metrics     = local.vcpus_in_use
    }
    memory = {
      description = "Operations use more than ${var.thresholds.memory_percent} % of the memory that they may use."
      threshold   = var.thresholds.memory_percent
      periods     = 3
      result      = "MAX(METRICS())"
      metrics = [for kind in local.kind_names : {
        namespace = local.namespace, name = "peakMemoryShare", statistic = "p99", dimensions = { kind = kind, outcome = "SUCCEEDED" }
      }]
    }
    jobs-out-of-memory = {
      description = "Containers needed more memory than they were given and were killed."
      threshold   = 0
      periods     = 1
      result      = "m0"
      metrics     = [{ namespace = local.namespace, name = "jobsOutOfMemory", statistic = "Sum", dimensions = {} }]
    }
    disk-full = {
      description = "Jobs found no space left on their disk."
      threshold   = 0
      periods     = 1
      result      = "m0"
      metrics     = [{ namespace = local.namespace, name = "noSpaceLeft", statistic = "Sum", dimensions = {} }]
    }
    job-queue-blocked = {
      description = "The first job of a queue cannot be placed, and holds up the others."
      threshold   = 0
      periods     = 1
      result      = "m0"
      metrics     = [{ namespace = local.namespace, name = "jobQueuesBlocked", statistic = "Sum", dimensions = {} }]
    }
    spot-reclaims = {
      description = "Spot takes back so many jobs that running them again costs more than Spot saves."
      threshold   = 50
      periods     = 6
      result      = "m0"
      metrics     = [{ namespace = local.namespace, name = "jobsTakenBySpot", statistic = "Sum", dimensions = {} }]
    }
    table-throttles = {
      description = "DynamoDB refuses reads or writes of the records: a hot key, or growth faster than on-demand tables follow."
      threshold   = 0
      periods     = 3
      result      = "SUM(METRICS())"
      # An index has metrics of its own, and one that is throttled has the table's writes refused.
      metrics = flatten([for table in sort(keys(var.table_names)) : concat(
        [for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : {
          namespace = "AWS/DynamoDB", name = metric, statistic = "Sum", dimensions = { TableName = var.table_names[table] }
        }],
        [for index in var.index_names[table] : {
          namespace = "AWS/DynamoDB", name = "WriteThrottleEvents", statistic = "Sum", dimensions = { TableName = var.table_names[table], GlobalSecondaryIndexName = index }
        }],
      )])
    }
    rule-failures = {
      description = "EventBridge could not hand an event to its target."
      threshold   = 0
      periods     = 1
      result      = "SUM(METRICS())"
      metrics = [for rule in sort(values(local.rule_names)) : {
        namespace = "AWS/Events", name = "FailedInvocations", statistic = "Sum", dimensions = { RuleName = rule }
      }]
    }
    fast-queue-age = {
      description = "Requests wait longer than a minute in a fast queue: the ordinary way would soon be as fast."
      enabled     = length(var.fast_queue_names) > 0
      threshold   = 60
      periods     = 2
      result      = "MAX(METRICS())"
      metrics = [for kind in sort(keys(var.fast_queue_names)) : {
        namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", statistic = "Maximum", dimensions = { QueueName = var.fast_queue_names[kind] }
      }]
    }
    fast-refused = {
      description = "The fast path refuses work, because operations would not be isolated; AWS Batch does it."
      enabled     = length(var.fast_queue_names) > 0
      threshold   = 0
      periods     = 1
      result      = "SUM(METRICS())"
      metrics = [for kind in sort(keys(var.fast_queue_names)) : {
        namespace = local.namespace, name = "fastRefused", statistic = "Sum", dimensions = { kind = kind }
      }]
    }
    fast-errors = {
      description = "Functions of the fast path end before they have answered: a crash, no memory, or the timeout."
      enabled     = length(var.fast_function_names) > 0
      threshold   = 5
      periods     = 3
      result      = "SUM(METRICS())"
      metrics = [for kind in sort(keys(var.fast_function_names)) : {
        namespace = "AWS/Lambda", name = "Errors", statistic = "Sum", dimensions = { FunctionName = var.fast_function_names[kind] }
      }]
    }
    dispatch-paused = {
      description = "The estimated spend has passed its bound: dispatch is paused, and requests wait."
      enabled     = var.has_budget
      threshold   = 0
      seconds     = 3600
      periods     = 1
      result      = "m0"
      metrics     = [{ namespace = local.namespace, name = "dispatchPaused", statistic = "Maximum", dimensions = {} }]
    }
    webhook-unheard = {
      description = "The webhook did not take ends of uploads for a day; they are in a queue."
      enabled     = var.has_webhook
      threshold   = 0
      periods     = 1
      result      = "m0"
      metrics     = [{ namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", dimensions = { QueueName = coalesce(var.unheard_queue_name, "-") } }]
    }
    s3-errors = {
      description = "S3 answers more than one request in a hundred with an error of its own (5xx, such as SlowDown)."
      enabled     = var.s3_request_metrics
      threshold   = 1
      periods     = 2
      result      = "IF(m1 + m3 > 100, 100 * (FILL(m0, 0) + FILL(m2, 0)) / (m1 + m3), 0)"
      metrics = flatten([for bucket in sort(keys(var.bucket_names)) : [for metric in ["5xxErrors", "AllRequests"] : {
        namespace = "AWS/S3", name = metric, statistic = "Sum", dimensions = { BucketName = var.bucket_names[bucket], FilterId = "all" }
      }]])
    }
  }
}

resource "aws_s3_bucket_metric" "all" {
  for_each = var.s3_request_metrics ? var.bucket_names : {}

  bucket = each.value
  name   = "all"
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if try(alarm.enabled, true) }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.description} What to do: docs/monitoring.md#${each.key}"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]

  metric_query {
    id          = "result"
    expression  = each.value.result
    label       = each.key
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id          = "m${metric_query.key}"
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        stat        = metric_query.value.statistic
        period      = try(each.value.seconds, 300)
        dimensions  = metric_query.value.dimensions
      }
    }
  }
}

# The month's charges: an alarm on AWS/Billing exists in us-east-1 alone, a budget everywhere. It counts what has the tag Project,
# once that is activated as a cost allocation tag (docs/deploy.md).
resource "aws_budgets_budget" "monthly" {
  for_each = var.thresholds.monthly_budget_usd > 0 ? toset(["monthly"]) : toset([])

  name         = "${var.name}-${var.region}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.thresholds.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Project$%s", var.name)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = var.thresholds.budget_alarm_at_percent, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [var.topic_arn]
    }
  }
}
