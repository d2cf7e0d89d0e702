# The records, and the repositories of the images.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "media"
  kms_key_arn   = null
  force_destroy = false
  capacity      = { provisioned = false, min_read = 5, max_read = 4000, min_write = 25, max_write = 4000, target_percent = 70 }
}

# First: what is scaled afterwards, an apply leaves.
run "capacity_by_the_hour_follows_the_load" {
  module {
    source = "./modules/tables"
  }

  variables {
    deletion_protection = true
    capacity            = { provisioned = true, min_read = 10, max_read = 400, min_write = 100, max_write = 2000, target_percent = 70 }
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.billing_mode == "PROVISIONED" && table.read_capacity == 10 && table.write_capacity == 100 && alltrue([for index in table.global_secondary_index : index.read_capacity == 10 && index.write_capacity == 100])])
    error_message = "Tables and indexes begin with the least."
  }

  assert {
    condition = { for key, target in aws_appautoscaling_target.this : key => "${target.resource_id} ${target.scalable_dimension} ${target.min_capacity} ${target.max_capacity}" } == {
      "input-read"             = "table/media-input dynamodb:table:ReadCapacityUnits 10 400"
      "input-write"            = "table/media-input dynamodb:table:WriteCapacityUnits 100 2000"
      "input-by-state-read"    = "table/media-input/index/by-state dynamodb:index:ReadCapacityUnits 10 400"
      "input-by-state-write"   = "table/media-input/index/by-state dynamodb:index:WriteCapacityUnits 100 2000"
      "output-read"            = "table/media-output dynamodb:table:ReadCapacityUnits 10 400"
      "output-write"           = "table/media-output dynamodb:table:WriteCapacityUnits 100 2000"
      "output-by-source-read"  = "table/media-output/index/by-source dynamodb:index:ReadCapacityUnits 10 400"
      "output-by-source-write" = "table/media-output/index/by-source dynamodb:index:WriteCapacityUnits 100 2000"
    }
    error_message = "Each table and index is scaled, for reads and for writes."
  }

  assert {
    condition     = alltrue([for policy in aws_appautoscaling_policy.this : policy.target_tracking_scaling_policy_configuration[0].target_value == 70])
    error_message = "Seven tenths of the capacity are in use."
  }
}

run "records_are_kept_safe_and_expire" {
  module {
    source = "./modules/tables"
  }

  variables {
    deletion_protection = true
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.billing_mode == "PAY_PER_REQUEST" && table.deletion_protection_enabled])
    error_message = "Tables scale by themselves and are not deleted by accident."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.point_in_time_recovery[0].enabled && table.ttl[0].enabled && table.ttl[0].attribute_name == "expiresAt"])
    error_message = "Any second of the last weeks can be brought back, and records expire."
  }

  assert {
    condition = { for table, this in aws_dynamodb_table.this : table => sort([for index in this.global_secondary_index : "${index.name}: ${index.hash_key}, ${index.range_key}"]) } == {
      input  = tolist(["by-state: stateDay, stateAt"])
      output = tolist(["by-source: sourceObject, jobId"])
    }
    error_message = "The indexes are those that docs/tables.md names."
  }

  assert {
    condition     = alltrue(flatten([for table in aws_dynamodb_table.this : [for index in table.global_secondary_index : index.projection_type == "KEYS_ONLY"]]))
    error_message = "An entry of an index costs one write."
  }
}

run "images_cannot_be_replaced" {
  module {
    source = "./modules/registry"
  }

  variables {
    jobs = { image = "image-job" }
  }

  assert {
    condition     = aws_ecr_repository.job["image"].image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.job["image"].image_scanning_configuration[0].scan_on_push
    error_message = "A tag means one image, which is scanned when it is pushed."
  }

  assert {
    condition     = [for rule in jsondecode(aws_ecr_lifecycle_policy.job["image"].policy).rules : rule.selection.countNumber] == [7, 30]
    error_message = "Old images go."
  }
}
