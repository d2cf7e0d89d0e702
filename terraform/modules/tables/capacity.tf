# Capacity that is paid for by the hour, for loads that are there all day: half of what on-demand tables cost, or less. It follows the
# load within minutes; in between, a partition's unused capacity of five minutes takes what is above it, and writes that are refused
# come again.

locals {
  # What is scaled: each table and each index, reads and writes apart.
  scaled = !var.capacity.provisioned ? {} : merge([
    for table, setting in local.tables : merge([
      for resource in concat([null], keys(setting.indexes)) : {
        for kind in ["Read", "Write"] : join("-", compact([table, resource, lower(kind)])) => {
          id        = join("/", compact(["table/${aws_dynamodb_table.this[table].name}", resource == null ? null : "index/${resource}"]))
          dimension = "dynamodb:${resource == null ? "table" : "index"}:${kind}CapacityUnits"
          metric    = "DynamoDB${kind}CapacityUtilization"
          min       = kind == "Read" ? var.capacity.min_read : var.capacity.min_write
          max       = kind == "Read" ? var.capacity.max_read : var.capacity.max_write
        }
      }
    ]...)
  ]...)
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.scaled

  service_namespace  = "dynamodb"
  resource_id        = each.value.id
  scalable_dimension = each.value.dimension
  min_capacity       = each.value.min
  max_capacity       = each.value.max
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.scaled

  name               = "${var.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = var.capacity.target_percent

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}
