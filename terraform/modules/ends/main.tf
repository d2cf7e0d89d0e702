# The ends of uploads on EventBridge: a bus of the installation's own or one that exists, and a webhook that hears of them.

locals {
  source = "data-pipeline.${var.name}"

  webhooks = var.webhook == null ? {} : { this = var.webhook }
}

resource "aws_cloudwatch_event_bus" "own" {
  for_each = var.own_bus ? toset(["ends"]) : toset([])

  name = var.name
}

data "aws_cloudwatch_event_bus" "existing" {
  for_each = var.own_bus ? toset([]) : toset(["ends"])

  name = var.bus
}

locals {
  bus = one(concat(
    [for bus in aws_cloudwatch_event_bus.own : { name = bus.name, arn = bus.arn }],
    [for bus in data.aws_cloudwatch_event_bus.existing : { name = bus.name, arn = bus.arn }],
  ))
}

resource "aws_cloudwatch_event_rule" "webhook" {
  for_each = local.webhooks

  name           = "${var.name}-webhook"
  description    = "Ends of uploads of ${var.name}, to a webhook"
  event_bus_name = local.bus.name
  event_pattern = jsonencode(merge(
    { source = [local.source], detail-type = ["Upload Ended"] },
    { for detail in [each.value.states] : "detail" => { state = detail } if length(detail) > 0 },
  ))
}

resource "aws_cloudwatch_event_connection" "webhook" {
  for_each = local.webhooks

  name               = "${var.name}-webhook"
  description        = "The secret header by which the webhook of ${var.name} knows its caller"
  authorization_type = "API_KEY"

  auth_parameters {
    api_key {
      key   = each.value.header
      value = var.webhook_secret
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "webhook" {
  for_each = local.webhooks

  name                             = "${var.name}-webhook"
  description                      = "Hears of the ends of uploads of ${var.name}"
  invocation_endpoint              = each.value.url
  http_method                      = "POST"
  invocation_rate_limit_per_second = each.value.most_per_second
  connection_arn                   = aws_cloudwatch_event_connection.webhook[each.key].arn
}

resource "aws_cloudwatch_event_target" "webhook" {
  for_each = local.webhooks

  rule           = aws_cloudwatch_event_rule.webhook[each.key].name
  event_bus_name = local.bus.name
  target_id      = "webhook"
  arn            = aws_cloudwatch_event_api_destination.webhook[each.key].arn
  role_arn       = aws_iam_role.webhook[each.key].arn

  retry_policy {
    maximum_event_age_in_seconds = 24 * 3600
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = aws_sqs_queue.unheard[each.key].arn
  }
}

# Apart from the queues of undelivered events: this one is the webhook's, and nothing of the pipeline waits for it.
resource "aws_sqs_queue" "unheard" {
  for_each = local.webhooks

  name                      = "${var.name}-unheard"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue_policy" "unheard" {
  for_each = local.webhooks

  queue_url = aws_sqs_queue.unheard[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.unheard[each.key].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "WhatTheWebhookDidNotTake"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.unheard[each.key].arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.webhook[each.key].arn } }
      },
    ]
  })
}

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "webhook" {
  for_each = local.webhooks

  name                 = "${var.iam.prefix}-webhook"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "events.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "webhook" {
  for_each = local.webhooks

  name = "webhook"
  role = aws_iam_role.webhook[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "CallTheWebhook"
      Effect   = "Allow"
      Action   = "events:InvokeApiDestination"
      Resource = aws_cloudwatch_event_api_destination.webhook[each.key].arn
    }]
  })
}
