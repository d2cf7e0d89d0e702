# The fast path by itself: its queue before the ordinary one, what does the work, and what that may do.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name   = "media"
  region = "us-east-1"
  kinds = {
    image = {
      job            = "image-job"
      image          = "123456789012.dkr.ecr.us-east-1.amazonaws.com/media/image-job:1"
      repository     = "media/image-job"
      repository_arn = "arn:aws:ecr:us-east-1:123456789012:repository/media/image-job"
      queue_variable = "SQS_PICTURE"
      ordinary_queue = { url = "https://sqs.us-east-1.amazonaws.com/123456789012/media-image", arn = "arn:aws:sqs:us-east-1:123456789012:media-image" }
    }
  }
  settings = {
    by              = "lambda"
    memory_mib      = 1769
    disk_mib        = 1024
    timeout_seconds = 30
    max_concurrency = 100
    workers         = { min = 1, max = 4, vcpus = 1, memory_mib = 2048, spot = true }
  }
  architecture       = "x86_64"
  environment        = { S3_OUTPUT = "s3://media-output" }
  scratch_folder     = "/tmp"
  input_bucket       = { arn = "arn:aws:s3:::media-input" }
  output_bucket      = { arn = "arn:aws:s3:::media-output" }
  topic_arn          = "arn:aws:sns:us-east-1:123456789012:media-jobs"
  subnet_ids         = ["subnet-1"]
  security_group_id  = "sg-1"
  public_addresses   = true
  log_retention_days = 30
  kms_key_arn        = null
  iam                = { prefix = "media-us-east-1", path = "/" }
}

run "a_function_takes_the_requests" {
  module {
    source = "./modules/fast"
  }

  assert {
    condition = (
      aws_lambda_function.fast["image"].package_type == "Image" &&
      aws_lambda_function.fast["image"].image_config[0].command == tolist(["serve-lambda"]) &&
      aws_lambda_function.fast["image"].environment[0].variables.SQS_PICTURE == var.kinds.image.ordinary_queue.url
    )
    error_message = "The function must be the kind's image with its own command, and know the ordinary queue."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.fast["image"].redrive_policy).deadLetterTargetArn == var.kinds.image.ordinary_queue.arn &&
      jsondecode(aws_sqs_queue.fast["image"].redrive_policy).maxReceiveCount == 2 &&
      aws_sqs_queue.fast["image"].visibility_timeout_seconds == 180
    )
    error_message = "What the fast path does not do must move to the ordinary queue."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.fast["image"].batch_size == 1 &&
      contains(aws_lambda_event_source_mapping.fast["image"].function_response_types, "ReportBatchItemFailures")
    )
    error_message = "Each request must be handed over alone, and come again alone."
  }

  assert {
    condition     = length(aws_ecs_service.worker) == 0 && length(aws_ecs_cluster.this) == 0
    error_message = "Nothing must run at rest."
  }

  assert {
    condition = alltrue([
      for statement in output.policies["image"] : alltrue([for action in flatten([statement.Action]) : contains([
        "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucket", "sns:Publish", "sqs:ReceiveMessage",
        "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility", "sqs:SendMessage", "logs:CreateLogStream", "logs:PutLogEvents",
      ], action)])
    ])
    error_message = "The function must have no other right than those of its work."
  }

  assert {
    condition     = strcontains(aws_ecr_repository_policy.fetched_by_lambda["image"].policy, "lambda.amazonaws.com")
    error_message = "Lambda must be allowed to fetch the image."
  }
}

run "workers_take_the_requests" {
  module {
    source = "./modules/fast"
  }

  variables {
    settings = {
      by              = "workers"
      memory_mib      = 1769
      disk_mib        = 1024
      timeout_seconds = 30
      max_concurrency = 100
      workers         = { min = 0, max = 4, vcpus = 1, memory_mib = 2048, spot = true }
    }
  }

  assert {
    condition     = length(aws_lambda_function.fast) == 0 && length(aws_lambda_event_source_mapping.fast) == 0
    error_message = "Functions and workers must not take requests from each other."
  }

  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.worker["image"].container_definitions)[0].command == ["serve"] &&
      jsondecode(aws_ecs_task_definition.worker["image"].container_definitions)[0].readonlyRootFilesystem &&
      jsondecode(aws_ecs_task_definition.worker["image"].container_definitions)[0].user == "65532:65532"
    )
    error_message = "A worker must be the kind's image, closed as a job is."
  }

  assert {
    condition     = aws_appautoscaling_target.worker["image"].min_capacity == 0 && aws_ecs_service.worker["image"].desired_count == 0
    error_message = "There must be as few workers as are asked for."
  }
}
