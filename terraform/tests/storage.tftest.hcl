# The buckets.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                 = "media"
  region               = "us-east-1"
  kms_key_arn          = null
  force_destroy        = false
  cors_allowed_origins = []
  delivered            = true
  distribution_arn     = "arn:aws:cloudfront::123456789012:distribution/E1"
  access_logs          = false
  existing             = {}
  removals_queue_arn   = "arn:aws:sqs:us-east-1:123456789012:media-events"

  lifecycles = {
    input  = { transition_days = 30, transition_class = "GLACIER_IR", expiry_days = 0, noncurrent_days = 30 }
    output = { transition_days = 0, transition_class = "INTELLIGENT_TIERING", expiry_days = 365, noncurrent_days = 7 }
  }
}

run "buckets_are_closed_and_speak" {
  module {
    source = "./modules/storage"
  }

  assert {
    condition     = { for bucket, this in aws_s3_bucket.this : bucket => this.bucket } == { for bucket in ["input", "output", "work"] : bucket => "media-${bucket}-123456789012-us-east-1" }
    error_message = "Bucket names are unique by account and region."
  }

  assert {
    condition = alltrue([for bucket in keys(aws_s3_bucket.this) : anytrue([
      for statement in jsondecode(aws_s3_bucket_policy.this[bucket].policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
    ])])
    error_message = "Every bucket refuses what does not come over TLS."
  }

  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "No bucket can be made public."
  }

  assert {
    condition     = keys(aws_s3_bucket_versioning.this) == ["input", "output"] && keys(aws_s3_bucket_notification.events) == ["input", "output"]
    error_message = "Uploads and results are versioned and tell of themselves; lists of packed jobs do neither."
  }

  assert {
    condition     = { for bucket, this in aws_s3_bucket_notification.events : bucket => this.eventbridge } == { input = true, output = false }
    error_message = "EventBridge is paid for uploads, not for each of their results."
  }

  assert {
    condition = (
      length(aws_s3_bucket_notification.events["input"].queue) == 0
      && jsonencode([for queue in aws_s3_bucket_notification.events["output"].queue : [queue.queue_arn, join(" ", sort(queue.events))]]) == jsonencode([["arn:aws:sqs:us-east-1:123456789012:media-events", "s3:LifecycleExpiration:DeleteMarkerCreated s3:ObjectRemoved:*"]])
    )
    error_message = "The bucket of results tells of what is removed, and not of overwritten versions that expire."
  }

  assert {
    condition = [for statement in jsondecode(aws_s3_bucket_policy.this["output"].policy).Statement : statement if statement.Effect == "Allow"] == [
      for sid, right in { FoundByCloudFront = ["s3:ListBucket", "arn:aws:s3:::mock-bucket"], ReadByCloudFront = ["s3:GetObject", "arn:aws:s3:::mock-bucket/*"] } : {
        Sid                                 = sid
        Effect                              = "Allow"
        Principal                           = { Service = "cloudfront.amazonaws.com" }
        Action                              = right[0]
        Resource                            = right[1]
        Condition                           = { StringEquals = { "aws:SourceArn" = "arn:aws:cloudfront::123456789012:distribution/E1" } }
      }
    ]
    error_message = "Only this installation's distribution may read the results."
  }

  assert {
    condition     = alltrue([for lifecycle in aws_s3_bucket_lifecycle_configuration.this : contains([for rule in lifecycle.rule : rule.id], "abort-unfinished-uploads")])
    error_message = "Parts of unfinished uploads must not be paid for."
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this["work"].rule : rule.expiration[0].days if rule.id == "expire"] == [14]
    error_message = "Lists of packed jobs expire, later than a job may take."
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this["work"].rule : [rule.filter[0].prefix, rule.expiration[0].days] if rule.id == "expire-parts"] == [["parts/", 3]]
    error_message = "Parts of videos, which are large, go within days."
  }

  assert {
    condition     = sort([for rule in aws_s3_bucket_lifecycle_configuration.this["input"].rule : rule.id]) == tolist(["abort-unfinished-uploads", "delete-overwritten-versions", "move-to-a-cheaper-class"])
    error_message = "Days of 0 mean never."
  }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.this) == 0
    error_message = "No web page may upload unless its origin is named."
  }
}

run "a_customer_key_is_used_everywhere_it_can_be" {
  module {
    source = "./modules/storage"
  }

  variables {
    kms_key_arn          = "arn:aws:kms:us-east-1:123456789012:key/1"
    access_logs          = true
    cors_allowed_origins = ["https://app.example.com"]
  }

  assert {
    condition = { for bucket, encryption in aws_s3_bucket_server_side_encryption_configuration.this : bucket => one(encryption.rule).apply_server_side_encryption_by_default[0].sse_algorithm } == {
      input = "aws:kms", output = "aws:kms", work = "aws:kms", logs = "AES256"
    }
    error_message = "All but the bucket of access logs, which S3 could not write to."
  }

  assert {
    condition     = keys(aws_s3_bucket_logging.this) == ["input", "output"] && keys(aws_s3_bucket_cors_configuration.this) == ["input", "output"]
    error_message = "Access logs and CORS are for the users' buckets."
  }
}

run "buckets_that_exist_stay_as_they_are" {
  module {
    source = "./modules/storage"
  }

  variables {
    existing             = { input = "team-uploads", output = null }
    access_logs          = true
    cors_allowed_origins = ["https://app.example.com"]
  }

  assert {
    condition = alltrue([
      for resources in [aws_s3_bucket.this, aws_s3_bucket_policy.this, aws_s3_bucket_versioning.this, aws_s3_bucket_notification.events, aws_s3_bucket_lifecycle_configuration.this, aws_s3_bucket_cors_configuration.this, aws_s3_bucket_logging.this] :
      !contains(keys(resources), "input") && contains(keys(resources), "output")
    ])
    error_message = "Nothing is made of, or changed about, a bucket that somebody else made."
  }

  assert {
    condition     = output.buckets["input"].arn == "arn:aws:s3:::existing-bucket" && output.buckets["output"].arn == "arn:aws:s3:::mock-bucket"
    error_message = "It is used as the others are."
  }
}
