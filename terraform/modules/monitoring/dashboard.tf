# One page: is it keeping up, how long does it take, what fails, what drives the cost.

locals {
  # A metric of a widget: namespace, name, dimensions and how it is drawn.
  line = {
    uploads = concat(
      [["AWS/Events", "MatchedEvents", "RuleName", var.rule_names["uploads"], { label = "events", stat = "Sum" }]],
      concat([for kind in concat(local.kind_names, ["unknown"]) : [for state in ["SUCCEEDED", "FAILED", "REJECTED", "UNSUPPORTED"] :
        [local.namespace, "uploads", "kind", kind, "state", state, { label = "${kind} ${state}", stat = "Sum" }]
      ]]...),
    )
    waiting    = [for kind in local.kind_names : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.kinds[kind].queue_name, { label = kind, stat = "Maximum" }]]
    age        = [for kind in local.kind_names : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.kinds[kind].queue_name, { label = kind, stat = "Maximum" }]]
    states     = concat([for kind in local.kind_names : [for status in ["RUNNABLE", "RUNNING", "SUCCEEDED", "FAILED"] : [local.namespace, "jobsInState", "jobQueue", var.kinds[kind].job_queue_arn, "status", status, { label = "${kind} ${status}", stat = "Sum" }]]]...)
    vcpus      = [for metric in local.vcpus_in_use : flatten([metric.namespace, metric.name, [for name, value in metric.dimensions : [name, value]], { label = metric.dimensions.Class, stat = metric.statistic }])]
    memory     = [for kind in local.kind_names : [local.namespace, "peakMemoryShare", "kind", kind, "outcome", "SUCCEEDED", { label = kind, stat = "p99" }]]
    turnaround = concat([for kind in local.kind_names : [for statistic in ["p50", "p95", "p99"] : [local.namespace, "turnaround", "kind", kind, "state", "SUCCEEDED", { label = "${kind} ${statistic}", stat = statistic }]]]...)
    parts      = concat([for kind in local.kind_names : [for part in ["classify", "queue", "start", "fetch", "process", "store", "record"] : [local.namespace, part, "kind", kind, "state", "SUCCEEDED", { label = "${kind} ${part}", stat = "p50" }]]]...)
    outcomes   = concat([for kind in local.kind_names : [for outcome in ["SUCCEEDED", "FAILED"] : [local.namespace, "jobs", "kind", kind, "outcome", outcome, { label = "${kind} ${outcome}", stat = "Sum" }]]]...)
    letters    = [for queue in local.dead_letter_names : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { stat = "Maximum" }]]
    functions  = concat([for function in sort(keys(var.function_names)) : [for metric in ["Errors", "Throttles"] : ["AWS/Lambda", metric, "FunctionName", var.function_names[function], { label = "${function} ${metric}", stat = "Sum" }]]]...)
    duration   = [for function in sort(keys(var.function_names)) : ["AWS/Lambda", "Duration", "FunctionName", var.function_names[function], { label = function, stat = "p95" }]]
    reclaims   = [[local.namespace, "jobsTakenBySpot", { label = "taken back by Spot", stat = "Sum" }], [local.namespace, "jobQueuesBlocked", { label = "queues blocked", stat = "Sum" }]]
    bytes      = concat([for kind in local.kind_names : [for metric in ["bytesRead", "bytesWritten"] : [local.namespace, metric, "kind", kind, "outcome", "SUCCEEDED", { label = "${kind} ${metric}", stat = "Sum" }]]]...)
    estimate   = [for kind in local.kind_names : [local.namespace, "estimatedCost", "kind", kind, { label = kind, stat = "Sum", period = 86400 }]]
    used       = concat([for kind in local.kind_names : [for metric in ["vcpuSeconds", "gibSeconds"] : [local.namespace, metric, "kind", kind, { label = "${kind} ${metric}", stat = "Sum" }]]]...)
    stored     = [for bucket in sort(keys(var.bucket_names)) : ["AWS/S3", "BucketSizeBytes", "BucketName", var.bucket_names[bucket], "StorageType", "StandardStorage", { label = bucket, stat = "Average", period = 86400 }]]
    tables     = [for table in sort(keys(var.table_names)) : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", var.table_names[table], { label = "${table} writes", stat = "Sum" }]]
    delivered  = !var.delivered ? [] : [for metric in ["BytesDownloaded", "Requests"] : ["AWS/CloudFront", metric, "DistributionId", var.distribution_id, "Region", "Global", { label = metric, stat = "Sum", region = "us-east-1" }]]
  }

  # Three widgets a row.
  widgets = [
    { title = "Uploads", metrics = local.line.uploads },
    { title = "Requests waiting, by kind", metrics = local.line.waiting },
    { title = "Oldest request, seconds", metrics = local.line.age },
    { title = "Jobs entering a state", metrics = local.line.states },
    { title = "Turnaround, milliseconds from upload to record", metrics = local.line.turnaround },
    { title = "Parts of the turnaround, median milliseconds", metrics = local.line.parts },
    { title = "Operations by outcome", metrics = local.line.outcomes },
    { title = "Dead letters and undelivered events (should be zero)", metrics = local.line.letters },
    { title = "Functions: errors and throttles", metrics = local.line.functions },
    { title = "Functions: duration p95, milliseconds", metrics = local.line.duration },
    { title = "Spot and placement", metrics = local.line.reclaims },
    { title = "vCPUs of the account in use", metrics = local.line.vcpus },
    { title = "Memory, percent of an operation's limit (p99)", metrics = local.line.memory },
    { title = "Cost: estimate of the jobs by day, US dollars", metrics = local.line.estimate },
    { title = "Cost: seconds of vCPUs and of GiB that operations used", metrics = local.line.used },
    { title = "Cost: bytes read and written by jobs", metrics = local.line.bytes },
    { title = "Cost: bytes stored", metrics = local.line.stored },
    { title = "Cost: table writes", metrics = local.line.tables },
    { title = "Cost: delivery", metrics = local.line.delivered },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [for index, widget in local.widgets : {
        type   = "metric"
        x      = index % 3 * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = var.region
          period  = 300
          view    = "timeSeries"
          metrics = widget.metrics
        }
      } if length(widget.metrics) > 0],
      [for number, table in [
        {
          title = "Failed jobs by reason"
          query = "SOURCE '${aws_cloudwatch_log_group.jobs.name}' | filter detail.status = 'FAILED' | stats count(*) as jobs by detail.jobQueue, detail.statusReason, detail.container.exitCode | sort jobs desc"
        },
        {
          # The functions' log lines name the share; a metric with it as a dimension would cost 0.30 USD a month for each share.
          title = "Cost: estimate of the jobs by day, kind and share, US dollars"
          query = "SOURCE '${var.output_log_group_name}' | filter ispresent(uploads) and ispresent(estimatedCost) | stats sum(estimatedCost) as dollars, sum(uploads) as ended by bin(1d) as day, kind, coalesce(share, 'default') as share_of | sort day desc, dollars desc"
        },
        ] : {
        type   = "log"
        x      = number * 12
        y      = ceil(length(local.widgets) / 3) * 6
        width  = 12
        height = 6
        properties = {
          title  = table.title
          region = var.region
          view   = "table"
          query  = table.query
        }
      }],
    )
  })
}
