# The fast path by Lambda: one function for each kind, of the same image as the kind's jobs.

resource "aws_lambda_function" "fast" {
  # checkov:skip=CKV_AWS_50:The records carry the time of every step (docs/monitoring.md); tracing would cost as much as the calls.
  # checkov:skip=CKV_AWS_115:The mapping's maximum concurrency bounds the calls at once.
  # checkov:skip=CKV_AWS_116:Its queue keeps what fails, and hands it to the ordinary queue.
  # checkov:skip=CKV_AWS_117:The function talks to AWS APIs alone; in a VPC it would need endpoints for each of them and gain nothing.
  # checkov:skip=CKV_AWS_173:The environment has names of resources and no secret; encrypted with a key that AWS owns unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_272:Signing profiles are for zips.
  for_each = local.functions

  function_name = "${var.name}-${each.key}-fast"
  description   = "Small work of kind ${each.key}, at once"
  role          = aws_iam_role.fast[each.key].arn
  package_type  = "Image"
  image_uri     = each.value.image
  architectures = [var.architecture]
  memory_size   = var.settings.memory_mib
  timeout       = var.settings.timeout_seconds
  kms_key_arn   = var.kms_key_arn

  image_config {
    command = ["serve-lambda"]
  }

  ephemeral_storage {
    size = var.settings.disk_mib
  }

  environment {
    variables = local.variables[each.key]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.fast[each.key].name
  }

  # Without its policies the first calls would fail, and Lambda could not fetch the image.
  depends_on = [aws_iam_role_policy.fast, aws_ecr_repository_policy.fetched_by_lambda]
}

resource "aws_lambda_event_source_mapping" "fast" {
  for_each = local.functions

  event_source_arn                   = aws_sqs_queue.fast[each.key].arn
  function_name                      = aws_lambda_function.fast[each.key].arn
  batch_size                         = 1
  maximum_batching_window_in_seconds = 0
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.settings.max_concurrency
  }

  # The budget guard and operators stop and start it; what they decided survives an apply.
  lifecycle {
    ignore_changes = [enabled]
  }
}

resource "aws_ecr_repository_policy" "fetched_by_lambda" {
  for_each = local.functions

  repository = each.value.repository
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "FetchTheImage"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:lambda:${var.region}:${data.aws_caller_identity.current.account_id}:function:${var.name}-*" }
      }
    }]
  })
}
