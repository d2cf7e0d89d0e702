# Every alarm, by name. docs/monitoring.md has a section for each that says what it means and what to do; a test compares.

locals {
  kind_names = sort(keys(var.kinds))

  dead_letter_names = concat([for kind in local.kind_names : var.kinds[kind].dead_letters_name], var.undelivered_queue_names)

  # Each alarm: what is compared, with what, how often; and the metrics that it is made of. A metric without `expression`
  # is one of AWS's or of the programs' own, one with it is made of the others.
  alarms = {
    dead-letters = {
      description = "Requests or events could not be processed and were laid aside."
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      periods     = 1
      result      = "SUM(METRICS())"
      metrics = [for queue in local.dead_letter_names : {
        namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", dimensions = { QueueName = queue }
      }]
    }
    queue-age = {
      description = "Requests wait longer than ${var.thresholds.queue_age_seconds} seconds to be dispatched."
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.queue_age_seconds
      periods     = 3
      result      = "MAX(METRICS())"
      metrics = [for kind in local.kind_names : {
        namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", statistic = "Maximum", dimensions = { QueueName = var.kinds[kind].queue_name }
      }]
    }
    turnaround = {
      description = "One upload in twenty takes longer than ${var.thresholds.turnaround_seconds} seconds from upload to result."
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.turnaround_seconds * 1000
      periods     = 3
      result      = "MAX(METRICS())"
      metrics = [for kind in local.kind_names : {
        namespace = local.namespace, name = "Turnaround", statistic = "p95", dimensions = { Kind = kind, State = "SUCCEEDED" }
      }]
    }
    failure-rate = {
      description = "More than ${var.thresholds.failure_percent} % of the operations fail."
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.failure_percent
      periods     = 2
      # Below twenty operations in a period a rate says nothing.
      result = "IF(SUM(METRICS()) >= 20, 100 * (${join(" + ", [for index, kind in local.kind_names : "FILL(m${index * 2 + 1}, 0)"])}) / SUM(METRICS()), 0)"
      metrics = flatten([for kind in local.kind_names : [for outcome in ["SUCCEEDED", "FAILED"] : {
        namespace = local.namespace, name = "jobs", statistic = "Sum", dimensions = { kind = kind, outcome = outcome }
      }]])
    }
    function-errors = {
      description = "Calls of classify, dispatch or output end in an error."
      comparison  = "GreaterThanThreshold"
      threshold   = 5
      periods     = 1
      result      = "SUM(METRICS())"
      metrics = [for function in sort(keys(var.function_names)) : {
        namespace = "AWS/Lambda", name = "Errors", statistic = "Sum", dimensions = { FunctionName = var.function_names[function] }
      }]
    }
    function-throttles = {
      description = "Lambda refuses calls of classify, dispatch or output for want of concurrency."
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      periods     = 3
      result      = "SUM(METRICS())"
      metrics = [for function in sort(keys(var.function_names)) : {
        namespace = "AWS/Lambda", name = "Throttles", statistic = "Sum", dimensions = { FunctionName = var.function_names[function] }
      }]
    }
    job-queue-blocked = {
      description = "The first job of a queue cannot be placed, and holds up the others."
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      periods     = 1
      result      = "m0"
      metrics     = [{ namespace = local.namespace, name = "jobQueuesBlocked", statistic = "Sum", dimensions = {} }]
    }
    spot-reclaims = {
      description = "Spot takes back so many jobs that running them again costs more than Spot saves."
      comparison  = "GreaterThanThreshold"
      threshold   = 50
      periods     = 6
      result      = "m0"
      metrics     = [{ namespace = local.namespace, name = "jobsTakenBySpot", statistic = "Sum", dimensions = {} }]
    }
    table-throttles = {
      description = "DynamoDB refuses reads or writes of the records: a hot key, or growth faster than on-demand tables follow."
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      periods     = 3
      result      = "SUM(METRICS())"
      metrics = flatten([for table in sort(keys(var.table_names)) : [for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : {
        namespace = "AWS/DynamoDB", name = metric, statistic = "Sum", dimensions = { TableName = var.table_names[table] }
      }]])
    }
    rule-failures = {
      description = "EventBridge could not hand uploads to classify."
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      periods     = 1
      result      = "m0"
      metrics     = [{ namespace = "AWS/Events", name = "FailedInvocations", statistic = "Sum", dimensions = { RuleName = var.uploads_rule_name } }]
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.description} What to do: docs/monitoring.md#${each.key}"
  comparison_operator = each.value.comparison
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
        period      = 300
        dimensions  = metric_query.value.dimensions
      }
    }
  }
}

# The month's charges: an alarm on AWS/Billing exists in us-east-1 alone, a budget everywhere.
resource "aws_budgets_budget" "monthly" {
  for_each = var.thresholds.monthly_budget_usd > 0 ? toset(["monthly"]) : toset([])

  name         = "${var.name}-monthly"
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
