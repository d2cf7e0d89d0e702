# The rules between the rooms: who is called by what, and may do what.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "media"
  function              = { zip = "tests/flow.tftest.hcl", architecture = "x86_64", log_retention_days = 30 }
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
      "s3:ListBucket", "sqs:SendMessage", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "sns:Publish",
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
    table_arns     = { input = "arn:aws:dynamodb:us-east-1:123456789012:table/input", output = "arn:aws:dynamodb:us-east-1:123456789012:table/output" }
    job_queue_arns = { image = "arn:aws:batch:us-east-1:123456789012:job-queue/image" }
  }

  assert {
    condition     = output.rules["job-states"].pattern.detail.jobQueue == ["arn:aws:batch:us-east-1:123456789012:job-queue/image"]
    error_message = "Only this installation's jobs are recorded."
  }

  assert {
    condition     = output.rules.results.pattern.detail-type == ["Object Created", "Object Deleted"]
    error_message = "Results that are deleted are recorded as such."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.output.redrive_policy).deadLetterTargetArn == var.undelivered_queue_arn
    error_message = "What cannot be delivered is laid aside."
  }

  assert {
    condition     = alltrue([for statement in output.policy : statement.Effect == "Allow" && !contains(flatten([statement.Resource]), "*")])
    error_message = "Output names what it may use."
  }

  assert {
    condition     = alltrue([for statement in output.policy : alltrue([for action in flatten([statement.Action]) : startswith(action, "s3:Get") || action == "s3:ListBucket" || !startswith(action, "s3:")])])
    error_message = "Output reads results and lists, and changes none."
  }
}

run "alarms_reach_people" {
  module {
    source = "./modules/monitoring"
  }

  variables {
    region                  = "us-east-1"
    kinds                   = { image = { queue_name = "media-image", dead_letters_name = "media-image-dead-letters", job_queue_arn = "arn:aws:batch:us-east-1:123456789012:job-queue/image" } }
    undelivered_queue_names = ["media-undelivered-uploads"]
    undelivered_queue_arn   = "arn:aws:sqs:us-east-1:123456789012:undelivered"
    function_names          = { classify = "media-classify" }
    table_names             = { input = "media-input" }
    bucket_names            = { input = "uploads" }
    uploads_rule_name       = "media-uploads"
    distribution_id         = "E1"
    delivered               = true
    topic_arn               = "arn:aws:sns:us-east-1:123456789012:alarms"
    thresholds              = { turnaround_seconds = 900, queue_age_seconds = 900, failure_percent = 5, monthly_budget_usd = 100, budget_alarm_at_percent = 80, emails = [] }
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
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 16
    error_message = "The dashboard shows everything it has."
  }
}

run "results_are_delivered_over_https_alone" {
  module {
    source = "./modules/delivery"
  }

  variables {
    bucket     = { name = "outputs", arn = "arn:aws:s3:::outputs", host_name = "outputs.s3.us-east-1.amazonaws.com" }
    log_bucket = null
    delivery   = { price_class = "PriceClass_100", host_names = [], signing_public_keys = { web = "-----BEGIN PUBLIC KEY-----" }, access_logs = false }
  }

  assert {
    condition     = aws_cloudfront_distribution.results.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https" && aws_cloudfront_origin_access_control.results.signing_behavior == "always"
    error_message = "HTTPS to the reader, signed requests to the bucket."
  }

  assert {
    condition     = length(aws_cloudfront_distribution.results.default_cache_behavior[0].trusted_key_groups) == 1
    error_message = "With keys, every URL needs a signature."
  }
}
