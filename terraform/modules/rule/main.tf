# Events of the default bus, or a schedule, to one target: retried for a day, then kept in a queue. No event is lost silently.

resource "aws_cloudwatch_event_rule" "this" {
  name                = "${var.name}-${var.rule_name}"
  description         = var.description
  event_pattern       = var.pattern == null ? null : jsonencode(var.pattern)
  schedule_expression = var.schedule
}

resource "aws_cloudwatch_event_target" "this" {
  rule      = aws_cloudwatch_event_rule.this.name
  target_id = var.target_name
  arn       = var.target_arn

  retry_policy {
    maximum_event_age_in_seconds = 24 * 3600
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = var.undelivered_queue_arn
  }
}

resource "aws_lambda_permission" "this" {
  for_each = var.function_name == null ? toset([]) : toset(["function"])

  statement_id  = var.rule_name
  action        = "lambda:InvokeFunction"
  function_name = var.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}
