# The records, and the repositories of the images.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "media"
  kms_key_arn   = null
  force_destroy = false
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
      output = tolist(["by-job: jobId, object", "by-source: sourceObject, object"])
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
