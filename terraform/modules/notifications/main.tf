# Two topics: how each job ended (SNS_NOTIF), for programs and people; and alarms, for whoever keeps the system running.

data "aws_caller_identity" "current" {}

locals {
  topics = {
    # SNS's own key costs nothing and lets every principal of the account publish.
    jobs = { key = coalesce(var.kms_key_arn, "alias/aws/sns"), publishers = [] }
    # CloudWatch, EventBridge and Budgets cannot use SNS's own key, so without a customer key alarms (which name no
    # object of a user's) are not encrypted at rest.
    alarms = { key = var.kms_key_arn, publishers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"] }
  }
}

resource "aws_sns_topic" "this" {
  for_each = local.topics

  # checkov:skip=CKV_AWS_26:Alarms cannot use SNS's own key; see the comment above. Job notices are encrypted.
  name              = "${var.name}-${each.key}"
  kms_master_key_id = each.value.key
}

resource "aws_sns_topic_policy" "this" {
  for_each = local.topics

  arn = aws_sns_topic.this[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "OnlyOverTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sns:Publish"
          Resource  = aws_sns_topic.this[each.key].arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
        {
          Sid       = "ThisAccount"
          Effect    = "Allow"
          Principal = { AWS = data.aws_caller_identity.current.account_id }
          Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"]
          Resource  = aws_sns_topic.this[each.key].arn
        },
      ],
      [for publisher in each.value.publishers : {
        Sid       = "From${title(split(".", publisher)[0])}"
        Effect    = "Allow"
        Principal = { Service = publisher }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      }],
    )
  })
}

resource "aws_sns_topic_subscription" "jobs" {
  for_each = { for subscription in var.subscriptions : "${subscription.protocol}:${subscription.endpoint}" => subscription }

  topic_arn     = aws_sns_topic.this["jobs"].arn
  protocol      = each.value.protocol
  endpoint      = each.value.endpoint
  filter_policy = length(each.value.filter) > 0 ? jsonencode(each.value.filter) : null
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.this["alarms"].arn
  protocol  = "email"
  endpoint  = each.value
}
