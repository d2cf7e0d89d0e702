# Two roles for each kind: `job` is what the program may do, `execution` what AWS does for it before it starts.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  assumed_by_tasks = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  }

  # EKS Pod Identity hands the role to the pods of one service account.
  assumed_by_pods = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Principal = { Service = "pods.eks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  }

  # The repositories that a kind's image may come from: its own, and that of an image given by hand where it is in a
  # registry of ECR. Other registries ask for no right of AWS.
  images_in_ecr = {
    for kind, setting in var.kinds : kind =>
    try(regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com[a-z.]*/(?P<repository>[^:@]+)", setting.image), null)
  }

  image_repositories = {
    for kind, image in local.images_in_ecr : kind => distinct(concat(
      [var.repository_arns[kind]],
      image == null ? [] : ["arn:${data.aws_partition.current.partition}:ecr:${image.region}:${image.account}:repository/${image.repository}"],
    ))
  }

  use_the_customer_key = var.kms_key_arn == null ? [] : [{
    Sid      = "UseTheCustomerKey"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = var.kms_key_arn
  }]
}

resource "aws_iam_role" "job" {
  for_each = var.kinds

  name                 = "${var.iam.prefix}-${each.value.job}"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy   = var.compute == "EKS" ? jsonencode(local.assumed_by_pods) : jsonencode(local.assumed_by_tasks)
}

resource "aws_iam_role_policy" "job" {
  for_each = var.kinds

  name = "job"
  role = aws_iam_role.job[each.key].id
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
          Sid      = "ReadLists"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${var.work_bucket.arn}/lists/*"
        },
        {
          Sid      = "WriteResults"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:AbortMultipartUpload"]
          Resource = "${var.output_bucket.arn}/*"
        },
        {
          # A list that is tried again passes over what it has committed before. Of the results, only manifests are read.
          Sid      = "ReadManifests"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${var.output_bucket.arn}/*/manifest.json"
        },
      ],
      # What the children of an array job encode of one video, until another job joins it.
      !each.value.in_parts ? [] : [{
        Sid      = "ExchangeParts"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = "${var.work_bucket.arn}/parts/*"
      }],
      [for statement in flatten([for statements in local.media_convert_statements : values(statements)]) : statement if contains(local.media_convert_kinds, each.key)],
      # Pictures and texts travel in the requests: these actions have no resources that could be named.
      length(lookup(var.engine_actions, each.key, [])) == 0 ? [] : [{
        Sid      = "AskEngines"
        Effect   = "Allow"
        Action   = var.engine_actions[each.key]
        Resource = "*"
      }],
      [
        {
          # Without it S3 says "forbidden" instead of "not found", and a deleted upload would look like a missing right.
          Sid      = "TellGoneFromForbidden"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = [var.input_bucket.arn, var.output_bucket.arn, var.work_bucket.arn]
        },
        {
          Sid      = "TellHowItEnded"
          Effect   = "Allow"
          Action   = "sns:Publish"
          Resource = var.topic_arn
        },
      ],
      local.use_the_customer_key,
    )
  })
}

resource "aws_iam_role" "execution" {
  for_each = var.compute == "EKS" ? {} : var.kinds

  name                 = "${var.iam.prefix}-${each.value.job}-start"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy   = jsonencode(local.assumed_by_tasks)
}

resource "aws_iam_role_policy" "execution" {
  for_each = var.compute == "EKS" ? {} : var.kinds

  name = "start"
  role = aws_iam_role.execution[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # AWS has no narrower resource for this action.
        Sid      = "LogInToTheRegistry"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid      = "FetchTheImage"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = local.image_repositories[each.key]
      },
      {
        Sid      = "WriteItsLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.job[each.key].arn}:*"
      },
    ]
  })
}

resource "aws_eks_pod_identity_association" "job" {
  for_each = var.compute == "EKS" ? var.kinds : {}

  cluster_name    = local.eks_clusters["cluster"]
  namespace       = var.eks.namespace
  service_account = each.value.job
  role_arn        = aws_iam_role.job[each.key].arn
}
