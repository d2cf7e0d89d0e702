# A job queue for each kind, over compute environments of its own: an hour of videos does not stand in the way of a photo.

locals {
  # Reasons why AWS Batch says that the first job of a queue cannot be placed. Left alone, it would block the queue for
  # ever; cancelled, it becomes FAILED with this reason, and the next one has its turn. These are all for which AWS Batch
  # can act (its guide, "Jobs stuck in a RUNNABLE status"): a want of Fargate capacity or of a quota is UNDETERMINED, for
  # which there is the alarm jobs-not-starting.
  stuck = merge(
    {
      "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE" = 600
      "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"         = 600
    },
    { for reason, seconds in {
      "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED" = 600
      "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"                 = 4 * 3600
    } : reason => seconds if var.compute != "FARGATE" },
  )
}

resource "aws_batch_scheduling_policy" "shares" {
  for_each = var.shares == null ? {} : { shares = var.shares }

  name = "${var.name}-shares"

  fair_share_policy {
    compute_reservation = each.value.reserved_percent
    share_decay_seconds = each.value.decay_seconds

    dynamic "share_distribution" {
      for_each = each.value.weights

      content {
        share_identifier = share_distribution.key
        weight_factor    = share_distribution.value
      }
    }
  }
}

locals {
  # A queue that has no shares cannot be given any, and the other way round: it is another queue.
  scheduling_policy_arn = var.shares == null ? null : aws_batch_scheduling_policy.shares["shares"].arn
  queue_ending          = var.shares == null ? "" : "-shared"
}

# Work that Spot took away as often as it is tried there. Its environment is the second of the kind's own queue as well.
resource "aws_batch_job_queue" "on_demand" {
  for_each = { for kind, setting in var.kinds : kind => setting if setting.spot && var.spot_fallback }

  name  = "${var.name}-${each.key}-on-demand${local.queue_ending}"
  state = "ENABLED"

  scheduling_policy_arn = local.scheduling_policy_arn

  priority = 20

  compute_environment_order {
    order               = 1
    compute_environment = local.environment_arns["${each.key}-on-demand"]
  }

  dynamic "job_state_time_limit_action" {
    for_each = local.stuck

    content {
      action           = "CANCEL"
      state            = "RUNNABLE"
      reason           = job_state_time_limit_action.key
      max_time_seconds = job_state_time_limit_action.value
    }
  }
}

resource "aws_batch_job_queue" "kind" {
  for_each = var.kinds

  name  = "${var.name}-${each.key}${local.queue_ending}"
  state = "ENABLED"

  scheduling_policy_arn = local.scheduling_policy_arn

  priority = 10

  dynamic "compute_environment_order" {
    for_each = [for order in local.orders[each.key] : local.environment_arns["${each.key}-${order}"]]

    content {
      order               = compute_environment_order.key + 1
      compute_environment = compute_environment_order.value
    }
  }

  dynamic "job_state_time_limit_action" {
    for_each = local.stuck

    content {
      action           = "CANCEL"
      state            = "RUNNABLE"
      reason           = job_state_time_limit_action.key
      max_time_seconds = job_state_time_limit_action.value
    }
  }
}
