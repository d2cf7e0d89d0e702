# A queue of requests for each kind, each with a queue for the messages that could not be dispatched; and queues for events
# that could not be delivered to a function at all. Nothing is lost without an alarm.

locals {
  dead_letter_seconds = 14 * 24 * 3600

  all_queues = merge(
    { for queue, this in aws_sqs_queue.requests : queue => this },
    { for queue, this in aws_sqs_queue.dead_letters : "${queue}-dead-letters" => this },
    { for queue, this in aws_sqs_queue.undelivered : queue => this },
  )

  queue_names = merge(
    { for queue in keys(var.queues) : queue => [] },
    { for queue in keys(var.queues) : "${queue}-dead-letters" => [] },
    var.undelivered,
  )
}

resource "aws_sqs_queue" "requests" {
  for_each = var.queues

  name                       = "${var.name}-${each.key}"
  visibility_timeout_seconds = each.value.visibility_seconds
  message_retention_seconds  = 4 * 24 * 3600
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = var.dead_letter_after_receives
  })
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = var.queues

  name                      = "${var.name}-${each.key}-dead-letters"
  message_retention_seconds = local.dead_letter_seconds
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  for_each = var.queues

  queue_url = aws_sqs_queue.dead_letters[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.requests[each.key].arn]
  })
}

resource "aws_sqs_queue" "undelivered" {
  for_each = var.undelivered

  name                      = "${var.name}-${each.key}"
  message_retention_seconds = local.dead_letter_seconds
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue_policy" "this" {
  for_each = local.queue_names

  queue_url = local.all_queues[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.all_queues[each.key].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for source in each.value : {
        Sid       = "UndeliveredFrom${title(split(":", source)[2])}"
        Effect    = "Allow"
        Principal = { Service = "${split(":", source)[2]}.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.all_queues[each.key].arn
        Condition = { ArnLike = { "aws:SourceArn" = source } }
      }],
    )
  })
}
