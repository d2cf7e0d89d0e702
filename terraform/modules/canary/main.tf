# A small picture that is uploaded again and again, by a copy within the bucket: whether the pipeline works shows within hours
# also when nobody uploads (alarm uploads-stalled).

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  source = "canary/source.png"
  target = "canary/picture.png"
}

# Its own upload goes through the pipeline once, as any.
resource "aws_s3_object" "source" {
  bucket         = var.input_bucket.name
  key            = local.source
  content_type   = "image/png"
  content_base64 = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAbElEQVR42g3JQQEAMAgDMZSgpEqqhOepQAlKqmjLN1VFFypcTLHFFSmqmm7UuJlmm2vSP0QLCYsRK05EP0wbGZsxa87EP4YeNHiYYYcbMj+WXrR4mWWXW7I/jj50+JhjjztyP0IHBYcJGy4kPLAsVIH5pgt5AAAAAElFTkSuQmCC"
}

resource "aws_scheduler_schedule" "upload" {
  # checkov:skip=CKV_AWS_297:The schedule's input names a bucket and two keys and no secret.
  name                = "${var.name}-canary"
  description         = "Uploads a small picture to see that the pipeline works"
  schedule_expression = "rate(${var.minutes} minutes)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:s3:copyObject"
    role_arn = aws_iam_role.upload.arn

    input = jsonencode({
      Bucket            = var.input_bucket.name
      Key               = local.target
      CopySource        = "${var.input_bucket.name}/${aws_s3_object.source.key}"
      Metadata          = { processing-option = "resize?width=4" }
      MetadataDirective = "REPLACE"
      ContentType       = "image/png"
    })

    dead_letter_config {
      arn = var.undelivered_queue_arn
    }
  }
}

resource "aws_iam_role" "upload" {
  name                 = "${var.iam.prefix}-canary"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "upload" {
  name = "canary"
  role = aws_iam_role.upload.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadThePicture"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectTagging"]
          Resource = "${var.input_bucket.arn}/${local.source}"
        },
        {
          Sid      = "UploadThePicture"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:PutObjectTagging"]
          Resource = "${var.input_bucket.arn}/${local.target}"
        },
        {
          Sid      = "LayAsideWhatFails"
          Effect   = "Allow"
          Action   = "sqs:SendMessage"
          Resource = var.undelivered_queue_arn
        },
      ],
      var.kms_key_arn == null ? [] : [{
        Sid      = "UseTheCustomerKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arn
      }],
    )
  })
}
