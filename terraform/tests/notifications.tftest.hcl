# The topics: how each job ended, and alarms.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "media"
  kms_key_arn   = null
  subscriptions = [{ protocol = "https", endpoint = "https://example.com/hook", filter = { kind = ["image"] } }]
  alarm_emails  = ["operations@example.com"]
}

run "notices_and_alarms_reach_those_who_asked" {
  module {
    source = "./modules/notifications"
  }

  assert {
    condition     = aws_sns_topic.this["jobs"].kms_master_key_id == "alias/aws/sns"
    error_message = "Notices are encrypted at rest."
  }

  assert {
    condition = alltrue([for policy in aws_sns_topic_policy.this : anytrue([
      for statement in jsondecode(policy.policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
    ])])
    error_message = "Every topic refuses what does not come over TLS."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_sns_topic_policy.this : [
      for statement in jsondecode(policy.policy).Statement : statement.Effect == "Deny" || statement.Principal != "*"
    ]]))
    error_message = "Nobody outside the account may publish or subscribe."
  }

  assert {
    condition = sort(flatten([
      for statement in jsondecode(aws_sns_topic_policy.this["alarms"].policy).Statement : statement.Principal.Service if can(statement.Principal.Service)
    ])) == tolist(["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"])
    error_message = "What raises alarms may publish them."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.jobs["https:https://example.com/hook"].filter_policy) == { kind = ["image"] }
    error_message = "A subscription gets what its filter lets through."
  }

  assert {
    condition     = aws_sns_topic_subscription.alarms["operations@example.com"].protocol == "email"
    error_message = "Alarms go to the addresses given."
  }
}

run "a_customer_key_encrypts_both" {
  module {
    source = "./modules/notifications"
  }

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/1"
  }

  assert {
    condition     = alltrue([for topic in aws_sns_topic.this : topic.kms_master_key_id == var.kms_key_arn])
    error_message = "With a key of one's own, alarms are encrypted, too."
  }
}
