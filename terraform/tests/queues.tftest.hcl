# The queues of requests and of what could not be processed.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                       = "media"
  kms_key_arn                = null
  dead_letter_after_receives = 5
  queues                     = { image = { visibility_seconds = 740 }, video = { visibility_seconds = 740 } }
  undelivered                = { undelivered-uploads = ["arn:aws:events:us-east-1:123456789012:rule/media-*"] }
}

run "nothing_gets_lost" {
  module {
    source = "./modules/queues"
  }

  assert {
    condition     = alltrue([for queue in aws_sqs_queue.requests : jsondecode(queue.redrive_policy).maxReceiveCount == 5 && can(regex("^arn:aws:sqs:", jsondecode(queue.redrive_policy).deadLetterTargetArn))])
    error_message = "Every queue of requests has one for dead letters."
  }

  assert {
    condition     = keys(aws_sqs_queue.dead_letters) == keys(aws_sqs_queue.requests)
    error_message = "There is a queue of dead letters for each."
  }

  assert {
    condition     = alltrue([for queue in merge(aws_sqs_queue.dead_letters, aws_sqs_queue.undelivered) : queue.message_retention_seconds == 1209600])
    error_message = "What was laid aside is kept for 14 days."
  }

  assert {
    condition     = alltrue([for queue in merge(aws_sqs_queue.requests, aws_sqs_queue.dead_letters, aws_sqs_queue.undelivered) : queue.sqs_managed_sse_enabled])
    error_message = "Messages are encrypted."
  }

  assert {
    condition     = length(aws_sqs_queue_policy.this) == 5 && alltrue([for policy in aws_sqs_queue_policy.this : jsondecode(policy.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"])
    error_message = "Every queue refuses what does not come over TLS."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_policy.this["undelivered-uploads"].policy).Statement[1].Principal.Service == "events.amazonaws.com" && jsondecode(aws_sqs_queue_policy.this["undelivered-uploads"].policy).Statement[1].Condition.ArnLike["aws:SourceArn"] == "arn:aws:events:us-east-1:123456789012:rule/media-*"
    error_message = "Only this installation's rules may lay events aside."
  }
}
