# A job queue for each kind, so that an hour of videos does not stand in the way of a photo.

locals {
  # Reasons why AWS Batch says that the first job of a queue cannot be placed. Left alone, it would block the queue for
  # ever; cancelled, it becomes FAILED with this reason, and the next one has its turn.
  stuck = {
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE" = 600
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"         = 600
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"           = 4 * 3600
  }
}

resource "aws_batch_job_queue" "kind" {
  for_each = var.kinds

  name     = "${var.name}-${each.key}"
  state    = "ENABLED"
  priority = 10

  dynamic "compute_environment_order" {
    for_each = [for order in local.orders : local.environment_arns["${each.value.gpus > 0 ? "gpu" : "general"}-${order}"]]

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
