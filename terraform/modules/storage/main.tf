# The buckets: uploads (S3_INPUT), results (S3_OUTPUT), and a work bucket for the lists of packed jobs, which is apart so
# that its objects neither start the pipeline again nor are delivered.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # Bucket names are shared by all AWS accounts: account and region make this one ours.
  suffix = "${data.aws_caller_identity.current.account_id}-${var.region}"

  # Buckets that somebody else made stay as they are.
  existing = { for bucket, name in var.existing : bucket => name if name != null }

  buckets = { for bucket, setting in merge(
    {
      input  = { versioned = true, tells = "bus" }
      output = { versioned = true, tells = "queue" }
      work   = { versioned = false, tells = null }
    },
    var.access_logs ? { logs = { versioned = false, tells = null } } : {},
  ) : bucket => setting if !contains(keys(local.existing), bucket) }

  arns = merge(
    { for bucket, this in aws_s3_bucket.this : bucket => this.arn },
    { for bucket, this in data.aws_s3_bucket.existing : bucket => this.arn },
  )

  removals = ["s3:ObjectRemoved:*", "s3:LifecycleExpiration:DeleteMarkerCreated"]

  # Days that what only serves the running system is kept.
  service_days = { work = 14, logs = 90 }

  part_days = 3

  tls_only = {
    for bucket in keys(local.buckets) : bucket => {
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this[bucket].arn, "${aws_s3_bucket.this[bucket].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }

  # With the right to list, S3 says "not found" of what is not there, and not "forbidden".
  read_by_cloudfront = [
    for sid, right in {
      ReadByCloudFront  = { action = "s3:GetObject", resource = "${local.arns["output"]}/*" }
      FoundByCloudFront = { action = "s3:ListBucket", resource = local.arns["output"] }
      } : {
      Sid       = sid
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = right.action
      Resource  = right.resource
      Condition = { StringEquals = { "aws:SourceArn" = coalesce(var.distribution_arn, "none") } }
    }
  ]

  written_by_s3_logging = {
    for bucket in keys(local.buckets) : bucket => {
      Sid       = "WrittenByS3Logging"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.this[bucket].arn}/s3/*"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    } if bucket == "logs"
  }
}

data "aws_s3_bucket" "existing" {
  for_each = local.existing

  bucket = each.value
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  # checkov:skip=CKV_AWS_18:Access logs are by variable (delivery.access_logs).
  # checkov:skip=CKV_AWS_144:Copying 5 TB a day to a second region is a decision for the user, not a default.
  # checkov:skip=CKV_AWS_145:Encrypted with S3's own keys unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_21:Versioned where users' data is; lists of packed jobs and logs expire within days.
  # checkov:skip=CKV2_AWS_62:Uploads and results tell what they must (aws_s3_bucket_notification.events); lists and logs tell nothing.
  bucket        = "${var.name}-${each.key}-${local.suffix}"
  force_destroy = var.force_destroy || each.key == "work"

  lifecycle {
    precondition {
      condition     = length("${var.name}-${each.key}-${local.suffix}") <= 63
      error_message = "The bucket name ${var.name}-${each.key}-${local.suffix} is longer than the 63 characters that S3 allows: choose a shorter name."
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  # checkov:skip=CKV2_AWS_65:CloudFront writes its access logs with an ACL, so the log bucket (only it) must take them.
  bucket = each.value.id

  rule {
    object_ownership = each.key == "logs" ? "BucketOwnerPreferred" : "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    # The log bucket keeps S3's own key: log delivery cannot use a customer's.
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null || each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : var.kms_key_arn
    }

    bucket_key_enabled = var.kms_key_arn != null && each.key != "logs"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = { for bucket, setting in local.buckets : bucket => aws_s3_bucket.this[bucket] if setting.versioned }

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # checkov:skip=CKV_AWS_300:The first rule does it. The check takes the dynamic rules for all that there are.
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  dynamic "rule" {
    for_each = contains(keys(local.service_days), each.key) ? [local.service_days[each.key]] : []

    content {
      id     = "expire"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = contains(keys(var.lifecycles), each.key) ? [var.lifecycles[each.key]] : []

    content {
      id     = "delete-overwritten-versions"
      status = "Enabled"

      filter {}

      noncurrent_version_expiration {
        noncurrent_days = rule.value.noncurrent_days
      }

      # Markers of deletions, once nothing is left behind them.
      dynamic "expiration" {
        for_each = rule.value.expiry_days > 0 ? [] : [true]

        content {
          expired_object_delete_marker = true
        }
      }
    }
  }

  dynamic "rule" {
    for_each = try(var.lifecycles[each.key].transition_days, 0) > 0 ? [var.lifecycles[each.key]] : []

    content {
      id     = "move-to-a-cheaper-class"
      status = "Enabled"

      filter {}

      transition {
        days          = rule.value.transition_days
        storage_class = rule.value.transition_class
      }
    }
  }

  dynamic "rule" {
    for_each = try(var.lifecycles[each.key].expiry_days, 0) > 0 ? [var.lifecycles[each.key]] : []

    content {
      id     = "expire"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value.expiry_days
      }
    }
  }

  # Parts of videos are gigabytes, and of no use once they are joined or their job is over.
  dynamic "rule" {
    for_each = each.key == "work" ? [local.part_days] : []

    content {
      id     = "expire-parts"
      status = "Enabled"

      filter {
        prefix = "parts/"
      }

      expiration {
        days = rule.value
      }
    }
  }

  # Rules about versions need the versioning first.
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.tls_only[each.key]],
      each.key == "output" && var.delivered ? local.read_by_cloudfront : [],
      values({ for bucket, statement in local.written_by_s3_logging : bucket => statement if bucket == each.key }),
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

# EventBridge is told of everything in a bucket or of nothing, for a price: of uploads it must be. Of results only what is removed is
# news, since their jobs tell what they stored; S3 sends that to a queue for nothing. The end of an overwritten version
# (LifecycleExpiration:Delete) is none: the object is there still.
resource "aws_s3_bucket_notification" "events" {
  for_each = { for bucket, setting in local.buckets : bucket => setting.tells if setting.tells != null }

  bucket      = aws_s3_bucket.this[each.key].id
  eventbridge = each.value == "bus"

  dynamic "queue" {
    for_each = each.value == "queue" ? [var.removals_queue_arn] : []

    content {
      id        = "removals"
      queue_arn = queue.value
      events    = local.removals
    }
  }
}

resource "aws_s3_bucket_cors_configuration" "this" {
  for_each = toset([for bucket in ["input", "output"] : bucket if length(var.cors_allowed_origins) > 0 && contains(keys(local.buckets), bucket)])

  bucket = aws_s3_bucket.this[each.key].id

  cors_rule {
    allowed_origins = var.cors_allowed_origins
    allowed_methods = each.key == "input" ? ["PUT", "POST", "GET", "HEAD"] : ["GET", "HEAD"]
    allowed_headers = ["*"]
    expose_headers  = ["ETag", "x-amz-version-id", "Content-Range", "Accept-Ranges"]
    max_age_seconds = 3600
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = toset([for bucket in ["input", "output"] : bucket if var.access_logs && contains(keys(local.buckets), bucket)])

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"
}
