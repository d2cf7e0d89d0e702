# The fast path by workers that are always running, for those who prefer the full jail to no cost at rest: an ECS service on Fargate
# for each kind, which polls the kind's fast queue and grows with what waits there.

locals {
  cluster = length(local.workers) > 0 ? toset(["workers"]) : toset([])
}

resource "aws_ecs_cluster" "this" {
  for_each = local.cluster

  name = "${var.name}-fast"

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_iam_role" "start" {
  for_each = local.workers

  name                 = "${var.iam.prefix}-${each.value.job}-fast-start"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy   = aws_iam_role.fast[each.key].assume_role_policy
}

resource "aws_iam_role_policy" "start" {
  for_each = local.workers

  name = "start"
  role = aws_iam_role.start[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # AWS has no narrower resource for this action.
        Sid      = "LogInToTheRegistry"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid      = "FetchTheImage"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = each.value.repository_arn
      },
      {
        Sid      = "WriteItsLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.fast[each.key].arn}:*"
      },
    ]
  })
}

resource "aws_ecs_task_definition" "worker" {
  for_each = local.workers

  family                   = "${var.name}-${each.key}-fast"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.settings.workers.vcpus * 1024
  memory                   = var.settings.workers.memory_mib
  task_role_arn            = aws_iam_role.fast[each.key].arn
  execution_role_arn       = aws_iam_role.start[each.key].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture == "arm64" ? "ARM64" : "X86_64"
  }

  volume {
    name = "scratch"
  }

  container_definitions = jsonencode([{
    name                   = "worker"
    image                  = each.value.image
    command                = ["serve"]
    essential              = true
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true }
    mountPoints            = [{ sourceVolume = "scratch", containerPath = var.scratch_folder, readOnly = false }]
    environment = [
      for name, value in merge(local.variables[each.key], { FAST_QUEUE = aws_sqs_queue.fast[each.key].id, AWS_REGION = var.region }) : { name = name, value = value }
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.fast[each.key].name
        awslogs-region        = var.region
        awslogs-stream-prefix = "worker"
      }
    }
  }])
}

resource "aws_ecs_service" "worker" {
  # checkov:skip=CKV_AWS_333:A public address is what tasks in the installation's own public subnets reach AWS by; nothing listens.
  for_each = local.workers

  name            = "${var.name}-${each.key}-fast"
  cluster         = aws_ecs_cluster.this["workers"].id
  task_definition = aws_ecs_task_definition.worker[each.key].arn
  desired_count   = var.settings.workers.min
  propagate_tags  = "SERVICE"

  capacity_provider_strategy {
    capacity_provider = var.settings.workers.spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = var.public_addresses
  }

  # The number follows what waits.
  lifecycle {
    ignore_changes = [desired_count]
  }
}

resource "aws_appautoscaling_target" "worker" {
  for_each = local.workers

  service_namespace  = "ecs"
  resource_id        = "service/${var.name}-fast/${aws_ecs_service.worker[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.settings.workers.min
  max_capacity       = var.settings.workers.max
}

# One worker more for each ten requests that wait; from none to the first when anything waits.
resource "aws_appautoscaling_policy" "more" {
  for_each = local.workers

  name               = "${var.name}-${each.key}-fast-more"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.worker[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.worker[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.worker[each.key].scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    cooldown                = 60
    metric_aggregation_type = "Maximum"

    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = 10
      scaling_adjustment          = 1
    }

    step_adjustment {
      metric_interval_lower_bound = 10
      scaling_adjustment          = 2
    }
  }
}

resource "aws_appautoscaling_policy" "fewer" {
  for_each = local.workers

  name               = "${var.name}-${each.key}-fast-fewer"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.worker[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.worker[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.worker[each.key].scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    cooldown                = 300
    metric_aggregation_type = "Maximum"

    step_adjustment {
      metric_interval_upper_bound = 0
      scaling_adjustment          = -1
    }
  }
}

# What waits, and what is being worked on: a service whose only worker has the only message is not idle.
resource "aws_cloudwatch_metric_alarm" "waiting" {
  for_each = local.workers

  alarm_name          = "${var.name}-${each.key}-fast-waiting"
  alarm_description   = "Starts workers of the fast path for kind ${each.key}; nothing for people."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.fast[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.more[each.key].arn]
}

resource "aws_cloudwatch_metric_alarm" "idle" {
  for_each = local.workers

  alarm_name          = "${var.name}-${each.key}-fast-idle"
  alarm_description   = "Ends workers of the fast path for kind ${each.key}; nothing for people."
  comparison_operator = "LessThanOrEqualToThreshold"
  threshold           = 0
  evaluation_periods  = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.fewer[each.key].arn]

  metric_query {
    id          = "busy"
    expression  = "FILL(m0, 0) + FILL(m1, 0)"
    label       = "requests that wait or are worked on"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"]

    content {
      id          = "m${metric_query.key}"
      return_data = false

      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value
        dimensions  = { QueueName = aws_sqs_queue.fast[each.key].name }
        stat        = "Maximum"
        period      = 60
      }
    }
  }
}
