# The rules between the rooms: who is called by what, and may do what.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "media"
  function              = { zip = "tests/flow.tftest.hcl", architecture = "x86_64", log_retention_days = 30, iam = { prefix = "media-us-east-1", path = "/" } }
  environment           = {}
  topic_arn             = "arn:aws:sns:us-east-1:123456789012:jobs"
  undelivered_queue_arn = "arn:aws:sqs:us-east-1:123456789012:undelivered"
  work_bucket           = { name = "lists", arn = "arn:aws:s3:::lists" }
}

run "every_upload_reaches_classify" {
  module {
    source = "./modules/intake"
  }

  variables {
    input_bucket    = { name = "uploads", arn = "arn:aws:s3:::uploads" }
    input_table_arn = "arn:aws:dynamodb:us-east-1:123456789012:table/input"
    queue_arns      = { image = "arn:aws:sqs:us-east-1:123456789012:image" }

    reconcile_minutes = 10
  }

  assert {
    condition     = module.sweep.schedule == "rate(10 minutes)"
    error_message = "Uploads that nobody told of are looked for."
  }

  assert {
    condition     = output.rules.uploads.pattern == { source = ["aws.s3"], detail-type = ["Object Created"], detail = { bucket = { name = ["uploads"] } } }
    error_message = "No filter by suffix: what cannot be told by name is told by content."
  }

  assert {
    condition     = alltrue([for statement in output.policy : statement.Effect == "Allow" && !contains(flatten([statement.Resource]), "*")])
    error_message = "Classify names what it may use."
  }

  assert {
    condition = sort(distinct(flatten([for statement in output.policy : statement.Action]))) == sort([
      "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging",
      "s3:ListBucket", "sqs:SendMessage", "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query", "sns:Publish",
    ])
    error_message = "Classify reads uploads, queues requests, keeps records and tells; nothing else."
  }
}

run "dispatch_answers_for_each_message" {
  module {
    source = "./modules/dispatch"
  }

  variables {
    timeout_seconds        = 120
    batching               = { batch_size = 1000, window_seconds = 20, max_concurrency = 2 }
    queue_arns             = { image = "arn:aws:sqs:us-east-1:123456789012:image", video = "arn:aws:sqs:us-east-1:123456789012:video" }
    dead_letter_queue_arns = { image = "arn:aws:sqs:us-east-1:123456789012:image-dead-letters" }
    job_queue_arns         = { image = "arn:aws:batch:us-east-1:123456789012:job-queue/image" }
    job_definition_arns    = { image = "arn:aws:batch:us-east-1:123456789012:job-definition/image" }
    input_table_arn        = "arn:aws:dynamodb:us-east-1:123456789012:table/input"
  }

  assert {
    condition = length(aws_lambda_event_source_mapping.requests) == 2 && alltrue([for mapping in aws_lambda_event_source_mapping.requests :
      mapping.function_response_types == toset(["ReportBatchItemFailures"]) && mapping.scaling_config[0].maximum_concurrency == 2 && mapping.maximum_batching_window_in_seconds == 20
    ])
    error_message = "One poisonous message must not hold up the others, and few calls keep SubmitJob below its limit."
  }

  assert {
    condition     = [for statement in output.policy : statement.Action if contains(flatten([statement.Resource]), "*")] == ["batch:ListJobs"]
    error_message = "Only the list of jobs has no narrower resource."
  }

  assert {
    condition = toset(flatten([for statement in output.policy : statement.Resource if statement.Sid == "SubmitJobs"])) == toset([
      "arn:aws:batch:us-east-1:123456789012:job-queue/image",
      "arn:aws:batch:us-east-1:123456789012:job-definition/image",
      "arn:aws:batch:us-east-1:123456789012:job-definition/image:*",
    ])
    error_message = "Dispatch submits this installation's jobs, in any revision, to its queues."
  }
}

run "output_hears_of_results_notices_and_jobs" {
  module {
    source = "./modules/results"
  }

  variables {
    output_bucket  = { name = "outputs", arn = "arn:aws:s3:::outputs" }
    account_id     = "123456789012"
    table_arns     = { input = "arn:aws:dynamodb:us-east-1:123456789012:table/input", output = "arn:aws:dynamodb:us-east-1:123456789012:table/output" }
    job_queue_arns = { image = "arn:aws:batch:us-east-1:123456789012:job-queue/image" }
    batching       = { batch_size = 100, window_seconds = 2, max_concurrency = 50 }
    kms_key_arn    = null

    reconcile_minutes = 10
    deletions_of      = null
    event_bus_arn     = null
    has_budget        = false
    mapping_arns      = []

    fallback_queue_arns = []
    removals_by_bus     = false
  }

  assert {
    condition     = keys(output.rules) == ["job-states", "reconcile"] && !strcontains(jsonencode(output.policy), "s3:Delete")
    error_message = "Nothing is deleted unless somebody says so."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.events.batch_size == 100 && contains(aws_lambda_event_source_mapping.events.function_response_types, "ReportBatchItemFailures") && aws_sqs_queue.events.visibility_timeout_seconds == 362
    error_message = "Events come in batches, and those that fail come again alone."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.events.redrive_policy) == { deadLetterTargetArn = var.undelivered_queue_arn, maxReceiveCount = 10 }
    error_message = "What cannot be recorded is laid aside."
  }

  assert {
    condition     = sort([for statement in jsondecode(aws_sqs_queue_policy.events.policy).Statement : statement.Sid]) == sort(["EventsOfJobStates", "RemovalsFromResults", "Notices", "OnlyOverTls"])
    error_message = "The rules, the bucket of results and the topic, and nobody else, may put events into the queue."
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.events.policy).Statement : statement.Condition if statement.Sid == "RemovalsFromResults"] == [
      { ArnEquals = { "aws:SourceArn" = "arn:aws:s3:::outputs" }, StringEquals = { "aws:SourceAccount" = "123456789012" } }
    ]
    error_message = "A bucket of another account that gets the same name cannot send."
  }

  assert {
    condition     = aws_sns_topic_subscription.output.protocol == "sqs"
    error_message = "Notices wait with the other events."
  }

  assert {
    condition     = module.reconcile.schedule == "rate(10 minutes)"
    error_message = "Uploads whose end was not told are looked for."
  }

  assert {
    condition     = output.rules["job-states"].pattern.detail.jobQueue == ["arn:aws:batch:us-east-1:123456789012:job-queue/image"]
    error_message = "Only this installation's jobs are recorded."
  }

  assert {
    condition     = output.rules["job-states"].pattern.detail.status == ["RUNNING", "FAILED"]
    error_message = "States that output passes over are not delivered."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.output.redrive_policy).deadLetterTargetArn == var.undelivered_queue_arn
    error_message = "What cannot be delivered is laid aside."
  }

  assert {
    condition     = alltrue([for statement in output.policy : statement.Effect == "Allow"]) && flatten([for statement in output.policy : statement.Action if contains(flatten([statement.Resource]), "*")]) == ["batch:DescribeJobs", "batch:ListJobs"]
    error_message = "Output names what it may use; to describe and list jobs knows no narrower resource."
  }

  assert {
    condition     = alltrue([for statement in output.policy : alltrue([for action in flatten([statement.Action]) : startswith(action, "s3:Get") || action == "s3:ListBucket" || !startswith(action, "s3:")])])
    error_message = "Output reads results and lists, and changes none."
  }
}

run "what_was_made_of_a_deleted_upload_is_deleted_if_asked" {
  command = plan

  module {
    source = "./modules/results"
  }

  variables {
    output_bucket  = { name = "outputs", arn = "arn:aws:s3:::outputs" }
    account_id     = "123456789012"
    table_arns     = { input = "arn:aws:dynamodb:us-east-1:123456789012:table/input", output = "arn:aws:dynamodb:us-east-1:123456789012:table/output" }
    job_queue_arns = { image = "arn:aws:batch:us-east-1:123456789012:job-queue/image" }
    batching       = { batch_size = 100, window_seconds = 2, max_concurrency = 50 }
    kms_key_arn    = null

    reconcile_minutes = 10
    deletions_of      = "inputs"
    event_bus_arn     = null
    has_budget        = false
    mapping_arns      = []

    fallback_queue_arns = []
    removals_by_bus     = true
  }

  assert {
    condition     = output.rules.results.pattern.detail["$or"] == [{ deletion-type = [{ exists = false }] }, { deletion-type = ["Delete Marker Created"] }, { reason = [{ anything-but = ["Lifecycle Expiration"] }] }]
    error_message = "That an overwritten version expires says nothing of the object."
  }

  assert {
    condition     = output.rules.results.pattern.detail-type == ["Object Deleted"]
    error_message = "A bucket that exists tells by EventBridge what is removed from it; its jobs tell what they stored."
  }

  assert {
    condition     = output.rules["deletions"].pattern.detail == { bucket = { name = ["inputs"] }, reason = [{ anything-but = ["Lifecycle Expiration"] }] }
    error_message = "Only what somebody deleted counts, not what expired."
  }

  assert {
    condition     = [for statement in output.policy : statement.Resource if statement.Action == "s3:DeleteObject"] == ["arn:aws:s3:::outputs/*"]
    error_message = "Output deletes results and nothing else."
  }
}

run "alarms_reach_people" {
  module {
    source = "./modules/monitoring"
  }

  variables {
    region                  = "us-east-1"
    kinds                   = { image = { queue_name = "media-image", dead_letters_name = "media-image-dead-letters", job_queue_arn = "arn:aws:batch:us-east-1:123456789012:job-queue/image", log_group_name = "/media/jobs/image" } }
    undelivered_queue_names = ["media-undelivered-uploads"]
    undelivered_queue_arn   = "arn:aws:sqs:us-east-1:123456789012:undelivered"
    function_names          = { classify = "media-classify" }
    table_names             = { input = "media-input" }
    bucket_names            = { input = "uploads" }
    index_names             = { input = ["by-state"] }
    rule_names              = { uploads = "media-uploads", results = "media-results" }
    output_log_group_name   = "/media/functions/output"
    events_queue_name       = "media-events"
    namespace               = "DataPipeline/media"
    compute                 = "FARGATE"
    max_vcpus               = 512
    has_budget              = false
    has_webhook             = false
    unheard_queue_name      = null
    s3_request_metrics      = false
    distribution_id         = "E1"
    delivered               = true
    topic_arn               = "arn:aws:sns:us-east-1:123456789012:alarms"
    thresholds              = { stalled_hours = 3, capacity_percent = 90, memory_percent = 90, lambda_concurrency = 1000, turnaround_seconds = 900, queue_age_seconds = 900, failure_percent = 5, monthly_budget_usd = 100, budget_alarm_at_percent = 80, emails = [] }
    log_retention_days      = 30
    kms_key_arn             = null
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:alarms"])])
    error_message = "Every alarm goes to the topic."
  }

  assert {
    condition     = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : endswith(alarm.alarm_description, "docs/monitoring.md#${key}")])
    error_message = "Every alarm says where to read what to do."
  }

  assert {
    condition     = aws_cloudwatch_log_group.jobs.retention_in_days == 30
    error_message = "The log of the jobs' events has a retention."
  }

  assert {
    condition     = length(aws_budgets_budget.monthly) == 1 && one(aws_budgets_budget.monthly["monthly"].cost_filter).values == tolist(["user:Project$media"])
    error_message = "The budget counts what is tagged with this installation's name."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 21
    error_message = "The dashboard shows everything it has."
  }

  assert {
    condition     = anytrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : strcontains(try(widget.properties.query, ""), "SOURCE '/media/functions/output'") && strcontains(try(widget.properties.query, ""), "share_of")])
    error_message = "The dashboard shows the estimated cost by share, from output's log."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length([for query in alarm.metric_query : query if query.id != "result"]) <= 10])
    error_message = "CloudWatch takes ten metrics in an alarm."
  }

  assert {
    condition     = alltrue([for filter in aws_cloudwatch_log_metric_filter.jobs : filter.metric_transformation[0].namespace == "DataPipeline/media" && length(filter.pattern) <= 1024])
    error_message = "Two installations of an account do not count into each other's metrics."
  }

  assert {
    condition = contains([for query in aws_cloudwatch_metric_alarm.this["table-throttles"].metric_query : jsonencode(query.metric[0].dimensions) if query.id != "result"],
    jsonencode({ GlobalSecondaryIndexName = "by-state", TableName = "media-input" }))
    error_message = "A throttled index is seen."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this["rule-failures"].metric_query) == 5
    error_message = "Every rule is watched: those of the flow and those of the jobs' log."
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "s3-errors") && length(aws_s3_bucket_metric.all) == 0
    error_message = "S3's request metrics cost, so they are asked for."
  }
}

run "s3_is_watched_if_asked" {
  module {
    source = "./modules/monitoring"
  }

  variables {
    region                  = "us-east-1"
    kinds                   = { image = { queue_name = "media-image", dead_letters_name = "media-image-dead-letters", job_queue_arn = "arn:aws:batch:us-east-1:123456789012:job-queue/image", log_group_name = "/media/jobs/image" } }
    undelivered_queue_names = []
    function_names          = { classify = "media-classify" }
    table_names             = { input = "media-input" }
    bucket_names            = { input = "uploads", output = "outputs" }
    index_names             = { input = ["by-state"] }
    rule_names              = { uploads = "media-uploads" }
    output_log_group_name   = "/media/functions/output"
    events_queue_name       = "media-events"
    namespace               = "DataPipeline/media"
    compute                 = "EC2"
    max_vcpus               = 512
    s3_request_metrics      = true
    has_budget              = true
    has_webhook             = true
    unheard_queue_name      = "media-unheard"
    distribution_id         = null
    delivered               = false
    topic_arn               = "arn:aws:sns:us-east-1:123456789012:alarms"
    thresholds              = { stalled_hours = 3, capacity_percent = 90, memory_percent = 90, lambda_concurrency = 1000, turnaround_seconds = 900, queue_age_seconds = 900, failure_percent = 5, monthly_budget_usd = 0, budget_alarm_at_percent = 80, emails = [] }
    log_retention_days      = 30
    kms_key_arn             = null
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.this), "s3-errors") && { for bucket, metric in aws_s3_bucket_metric.all : bucket => metric.bucket } == { input = "uploads", output = "outputs" }
    error_message = "S3's errors have an alarm."
  }

  assert {
    condition     = length(setsubtract(["dispatch-paused", "webhook-unheard"], keys(aws_cloudwatch_metric_alarm.this))) == 0
    error_message = "What is asked for is watched."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_log_metric_filter.jobs["jobsTakenBySpot"].pattern, "($.detail.attempts[1].statusReason = \"Host EC2*\" && $.detail.attempts[2].statusReason NOT EXISTS)")
    error_message = "The last attempt is the one that counts."
  }
}

run "a_canary_uploads_by_itself" {
  module {
    source = "./modules/canary"
  }

  variables {
    minutes      = 15
    input_bucket = { name = "uploads", arn = "arn:aws:s3:::uploads" }
    kms_key_arn  = null
    iam          = { prefix = "media-us-east-1", path = "/" }
  }

  assert {
    condition = jsondecode(aws_scheduler_schedule.upload.target[0].input) == {
      Bucket            = "uploads", Key = "canary/picture.png", CopySource = "uploads/canary/source.png"
      Metadata          = { processing-option = "resize?width=4" }
      MetadataDirective = "REPLACE", ContentType = "image/png"
    } && aws_scheduler_schedule.upload.schedule_expression == "rate(15 minutes)"
    error_message = "The picture is copied over itself every quarter of an hour."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.upload.policy).Statement : statement.Resource != "*" && !endswith(statement.Resource, "/*")])
    error_message = "It may copy that picture and nothing else."
  }
}

run "results_are_private_until_somebody_says_otherwise" {
  module {
    source = "./modules/delivery"
  }

  variables {
    global_name          = "media-us-east-1"
    cors_allowed_origins = []
    bucket               = { name = "outputs", arn = "arn:aws:s3:::outputs", host_name = "outputs.s3.us-east-1.amazonaws.com" }
    log_bucket           = null
    delivery             = { public = false, public_paths = [], signing_public_keys = {}, max_age_seconds = 3600, price_class = "PriceClass_100", host_names = [], access_logs = false }
  }

  assert {
    condition     = aws_cloudfront_distribution.results.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https" && aws_cloudfront_origin_access_control.results.signing_behavior == "always"
    error_message = "HTTPS to the reader, signed requests to the bucket."
  }

  assert {
    condition     = alltrue([for behavior in concat(aws_cloudfront_distribution.results.default_cache_behavior, aws_cloudfront_distribution.results.ordered_cache_behavior) : behavior.trusted_signers == tolist(["self"])])
    error_message = "Without keys, nobody reads results."
  }

  assert {
    condition     = aws_cloudfront_distribution.results.default_root_object == "index.html"
    error_message = "The root must not be the list of the bucket."
  }

  assert {
    condition     = alltrue([for policy in aws_cloudfront_response_headers_policy.this : length(policy.cors_config) == 0])
    error_message = "No origin may read unless it is named."
  }
}

run "with_keys_every_url_needs_a_signature_but_those_of_public_paths" {
  module {
    source = "./modules/delivery"
  }

  variables {
    global_name          = "media-us-east-1"
    cors_allowed_origins = ["https://app.example.com"]
    bucket               = { name = "outputs", arn = "arn:aws:s3:::outputs", host_name = "outputs.s3.us-east-1.amazonaws.com" }
    log_bucket           = null
    delivery             = { public = false, public_paths = ["*/resize/*"], signing_public_keys = { web = "-----BEGIN PUBLIC KEY-----" }, max_age_seconds = 3600, price_class = "PriceClass_100", host_names = [], access_logs = false }
  }

  assert {
    condition = [for behavior in aws_cloudfront_distribution.results.ordered_cache_behavior : "${behavior.path_pattern} ${length(coalesce(behavior.trusted_key_groups, []))}"] == [
      "*/resize/*manifest.json 0", "*/resize/*.m3u8 0", "*/resize/*.mpd 0", "*/resize/* 0", "*manifest.json 1", "*.m3u8 1", "*.mpd 1",
    ]
    error_message = "CloudFront takes the first that fits: what is public, then what needs a signature."
  }

  assert {
    condition     = length(aws_cloudfront_distribution.results.default_cache_behavior[0].trusted_key_groups) == 1 && length(coalesce(aws_cloudfront_distribution.results.default_cache_behavior[0].trusted_signers, [])) == 0
    error_message = "With keys, every URL needs a signature."
  }

  assert {
    condition     = { for copies, policy in aws_cloudfront_cache_policy.this : copies => policy.default_ttl } == { indexes = 5, results = 3600 } && { for copies, policy in aws_cloudfront_response_headers_policy.this : copies => [for item in policy.custom_headers_config[0].items : item.value] } == { indexes = ["max-age=5"], results = ["max-age=3600"] }
    error_message = "Playlists and manifests are asked for again soon, by CloudFront and by browsers."
  }

  assert {
    condition     = alltrue([for policy in aws_cloudfront_response_headers_policy.this : policy.cors_config[0].origin_override && policy.cors_config[0].access_control_allow_credentials && policy.cors_config[0].access_control_allow_origins[0].items == toset(["https://app.example.com"])])
    error_message = "The origins that were named may read, with signed cookies, whatever origin the copy was made for."
  }

  assert {
    condition     = can(regex("^media-us-east-1-web-[0-9a-f]{8}$", aws_cloudfront_public_key.signer["web"].name))
    error_message = "Another key under the same name is another key, made before the old one goes."
  }
}

run "public_results_are_asked_for" {
  command = plan

  module {
    source = "./modules/delivery"
  }

  variables {
    global_name          = "media-us-east-1"
    cors_allowed_origins = []
    bucket               = { name = "outputs", arn = "arn:aws:s3:::outputs", host_name = "outputs.s3.us-east-1.amazonaws.com" }
    log_bucket           = null
    delivery             = { public = true, public_paths = [], signing_public_keys = {}, max_age_seconds = 3600, price_class = "PriceClass_100", host_names = [], access_logs = false }
  }

  assert {
    condition     = alltrue([for behavior in concat(aws_cloudfront_distribution.results.default_cache_behavior, aws_cloudfront_distribution.results.ordered_cache_behavior) : length(coalesce(behavior.trusted_signers, [])) == 0 && length(coalesce(behavior.trusted_key_groups, [])) == 0])
    error_message = "public = true gives results to everybody."
  }
}
