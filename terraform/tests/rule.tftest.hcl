# Events to a target.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "media"
  rule_name             = "uploads"
  description           = "Every object created"
  pattern               = { source = ["aws.s3"] }
  target_name           = "classify"
  target_arn            = "arn:aws:lambda:us-east-1:123456789012:function:media-classify"
  undelivered_queue_arn = "arn:aws:sqs:us-east-1:123456789012:undelivered"
}

run "what_cannot_be_delivered_is_tried_for_a_day_then_laid_aside" {
  module {
    source = "./modules/rule"
  }

  variables {
    function_name = "media-classify"
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.dead_letter_config[0].arn == var.undelivered_queue_arn && aws_cloudwatch_event_target.this.retry_policy[0].maximum_retry_attempts == 185 && aws_cloudwatch_event_target.this.retry_policy[0].maximum_event_age_in_seconds == 86400
    error_message = "Every target has a retry policy and a queue for what could not be delivered."
  }

  assert {
    condition     = aws_lambda_permission.this["function"].source_arn == aws_cloudwatch_event_rule.this.arn
    error_message = "The rule, and nothing else, may call the function."
  }
}

run "a_target_that_is_no_function_needs_no_permission" {
  module {
    source = "./modules/rule"
  }

  assert {
    condition     = length(aws_lambda_permission.this) == 0
    error_message = "There is no function to be called."
  }
}

run "a_rule_is_for_events_or_for_a_time" {
  module {
    source = "./modules/rule"
  }

  command = plan

  variables {
    schedule = "rate(10 minutes)"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_has_no_pattern" {
  module {
    source = "./modules/rule"
  }

  variables {
    pattern  = null
    schedule = "rate(10 minutes)"
  }

  assert {
    condition     = output.schedule == "rate(10 minutes)" && output.pattern == null
    error_message = "A schedule comes by time."
  }
}
