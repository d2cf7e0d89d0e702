# The records: one item for each upload (DYNAMODB_INPUT), one for each object of a result (DYNAMODB_OUTPUT). The keys are
# those that crates/control declares; docs/tables.md tells what each is for.

locals {
  # The indexes have the keys only: an entry is one write unit, and none where a write leaves its key as it is. Whoever lists
  # them reads the items themselves. `stateDay` ends in one of sixteen shards (crates/control/src/by_state.rs).
  tables = {
    input = {
      hash_key  = "object"
      range_key = "jobId"
      indexes   = { by-state = { hash_key = "stateDay", range_key = "stateAt" } }
    }
    output = {
      hash_key  = "object"
      range_key = null
      # The outputs of one upload have the same key, so that one index has those of an object and those of a job.
      indexes = { by-source = { hash_key = "sourceObject", range_key = "jobId" } }
    }
  }

  # Every attribute that is a key of something has to be declared, once.
  attributes = {
    for table, setting in local.tables : table => distinct(compact(concat(
      [setting.hash_key, setting.range_key],
      flatten([for index in setting.indexes : [index.hash_key, index.range_key]]),
    )))
  }
}

resource "aws_dynamodb_table" "this" {
  for_each = local.tables

  # checkov:skip=CKV_AWS_119:Encrypted with a key that DynamoDB owns unless kms_key_arn is given.
  # checkov:skip=CKV2_AWS_16:On-demand tables scale by themselves, others by terraform/modules/tables/capacity.tf.
  name                        = "${var.name}-${each.key}"
  billing_mode                = var.capacity.provisioned ? "PROVISIONED" : "PAY_PER_REQUEST"
  read_capacity               = var.capacity.provisioned ? var.capacity.min_read : null
  write_capacity              = var.capacity.provisioned ? var.capacity.min_write : null
  hash_key                    = each.value.hash_key
  range_key                   = each.value.range_key
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = local.attributes[each.key]

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.indexes

    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.hash_key
      range_key       = global_secondary_index.value.range_key
      projection_type = "KEYS_ONLY"
      read_capacity   = var.capacity.provisioned ? var.capacity.min_read : null
      write_capacity  = var.capacity.provisioned ? var.capacity.min_write : null
    }
  }

  ttl {
    enabled        = true
    attribute_name = "expiresAt"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }

  # What Application Auto Scaling has set, an apply leaves. It cannot leave the indexes' without leaving the indexes themselves: those
  # begin again at their least, and are scaled up within minutes.
  lifecycle {
    ignore_changes = [read_capacity, write_capacity]
  }
}
