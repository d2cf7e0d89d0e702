# AWS Elemental MediaConvert reads uploads and writes below `engine/` of the work bucket by a role of its own, which a job hands to it. What it
# wrote is taken by the job, which gives it its final name; what nobody takes expires with everything else in that bucket.

locals {
  has_media_convert = var.media_convert != null

  # Jobs of these kinds transcode.
  media_convert_kinds = local.has_media_convert ? toset([for kind in keys(var.kinds) : kind if kind == "video"]) : toset([])

  media_convert_environment = {
    for kind in local.media_convert_kinds : kind => merge(
      {
        MEDIACONVERT_ROLE = aws_iam_role.media_convert["role"].arn
        ENGINE_STAGING    = "s3://${var.work_bucket.name}/engine"
      },
      { for name, value in { MEDIACONVERT_QUEUE = try(var.media_convert.queue, null) } : name => value if value != null },
    )
  }

  media_convert_statements = [for role in aws_iam_role.media_convert : {
    start = {
      Sid      = "StartMediaConvert"
      Effect   = "Allow"
      Action   = ["mediaconvert:CreateJob", "mediaconvert:GetJob", "mediaconvert:ListJobs"]
      Resource = "arn:${data.aws_partition.current.partition}:mediaconvert:${var.region}:${data.aws_caller_identity.current.account_id}:*"
    }
    hand = {
      Sid       = "HandItsRoleToMediaConvert"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = role.arn
      Condition = { StringEquals = { "iam:PassedToService" = "mediaconvert.amazonaws.com" } }
    }
    take = {
      Sid      = "TakeWhatItWrote"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "${var.work_bucket.arn}/engine/*"
    }
  }]
}

resource "aws_iam_role" "media_convert" {
  for_each = local.has_media_convert ? toset(["role"]) : toset([])

  name                 = "${var.iam.prefix}-media-convert"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "mediaconvert.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "media_convert" {
  for_each = aws_iam_role.media_convert

  name = "transcode"
  role = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadUploads"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "${var.input_bucket.arn}/*"
        },
        {
          Sid      = "WriteForTheJobToTake"
          Effect   = "Allow"
          Action   = "s3:PutObject"
          Resource = "${var.work_bucket.arn}/engine/*"
        },
      ],
      local.use_the_customer_key,
    )
  })
}
