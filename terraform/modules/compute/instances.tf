# The instances of EC2 and EKS: disks, what their first boot does, their role, and how they get new images.

locals {
  instances = var.compute == "FARGATE" ? toset([]) : toset(["instance"])

  templates = var.compute == "FARGATE" ? {} : var.kinds

  instance_policies = var.compute == "EC2" ? toset(["service-role/AmazonEC2ContainerServiceforEC2Role"]) : (
    var.compute == "EKS" ? toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"]) : toset([])
  )

  # On EC2, AWS Batch runs jobs in the host's network (its guide, "Networking modes for jobs"), where the hop limit keeps nobody
  # from the instance's credentials. A rule for the jobs' user does: their own credentials come from 169.254.170.2. And what a
  # killed job left on the disk goes after ten minutes instead of three hours. AWS Batch wants user data in this format (its
  # guide, "Use Amazon EC2 user data in launch templates").
  first_boot_of_ec2 = <<-EOT
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="==FIRST-BOOT=="

    --==FIRST-BOOT==
    Content-Type: text/x-shellscript; charset="us-ascii"

    #!/bin/bash
    set -eu
    iptables --wait --insert OUTPUT --destination 169.254.169.254 --match owner --uid-owner ${local.user} --jump REJECT
    echo 'ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m' >>/etc/ecs/ecs.config

    --==FIRST-BOOT==--
  EOT

  # Pods have a network of their own, from which the hop limit keeps them.
  user_data = var.compute == "EC2" ? base64encode(local.first_boot_of_ec2) : null

  metadata_options = {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  disks = {
    for kind, setting in local.templates : kind => {
      volume_type = "gp3"
      volume_size = setting.instance_disk_gib
      throughput  = var.ec2.disk_throughput_mibps
      iops        = var.ec2.disk_iops
      kms_key_id  = var.kms_key_arn
    }
  }

  instance_tags = { for kind in keys(local.templates) : kind => merge(var.tags, { Name = "${var.name}-${kind}", Kind = kind }) }

  # AWS Batch looks at a launch template when it makes an environment, and never again: a new version changes nothing that
  # runs. So the environments' names hold what the template says, and a change makes new environments beside the old ones.
  template_hashes = {
    for kind in keys(local.templates) : kind =>
    substr(sha256(jsonencode([local.user_data, local.metadata_options, local.disks[kind], local.instance_tags[kind]])), 0, 8)
  }
}

resource "aws_launch_template" "instance" {
  for_each = local.templates

  name_prefix            = "${var.name}-${each.key}-"
  update_default_version = true
  user_data              = local.user_data

  metadata_options {
    http_endpoint               = local.metadata_options.http_endpoint
    http_tokens                 = local.metadata_options.http_tokens
    http_put_response_hop_limit = local.metadata_options.http_put_response_hop_limit
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = local.disks[each.key].volume_type
      volume_size           = local.disks[each.key].volume_size
      throughput            = local.disks[each.key].throughput
      iops                  = local.disks[each.key].iops
      encrypted             = true
      kms_key_id            = local.disks[each.key].kms_key_id
      delete_on_termination = true
    }
  }

  # Tags of a compute environment do not reach what it starts; without these the budget would not see the instances.
  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = local.instance_tags[each.key]
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role" "instance" {
  for_each = local.instances

  name                 = "${var.iam.prefix}-instance"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "instance" {
  for_each = local.instance_policies

  role       = aws_iam_role.instance["instance"].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.value}"
}

resource "aws_iam_instance_profile" "instance" {
  for_each = aws_iam_role.instance

  name = each.value.name
  path = var.iam.path
  role = each.value.name
}

# Instances keep the machine image with which their environment was made until somebody asks for a newer one. On this schedule
# EventBridge Scheduler does: AWS Batch then replaces idle instances at once and the others when their jobs have ended.

locals {
  refreshed = var.ec2.image_refresh == null ? {} : merge(aws_batch_compute_environment.ec2, aws_batch_compute_environment.eks)

  refreshed_keys = var.ec2.image_refresh == null || var.compute == "FARGATE" ? toset([]) : toset(keys(local.environments))
}

resource "aws_scheduler_schedule" "image_refresh" {
  for_each = local.refreshed_keys

  # checkov:skip=CKV_AWS_297:The schedule's input names a compute environment and no secret.
  name                = "${var.name}-image-refresh-${each.key}"
  description         = "Newest machine image for the instances of ${each.key}"
  schedule_expression = var.ec2.image_refresh

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:batch:updateComputeEnvironment"
    role_arn = aws_iam_role.image_refresh["schedule"].arn
    input = jsonencode({
      ComputeEnvironment = local.refreshed[each.key].arn
      ComputeResources   = { UpdateToLatestImageVersion = true }
      UpdatePolicy = {
        TerminateJobsOnUpdate      = false
        JobExecutionTimeoutMinutes = local.replacement_minutes[local.environments[each.key].kind]
      }
    })
  }
}

resource "aws_iam_role" "image_refresh" {
  for_each = length(local.refreshed_keys) > 0 ? toset(["schedule"]) : toset([])

  name                 = "${var.iam.prefix}-image-refresh"
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

resource "aws_iam_role_policy" "image_refresh" {
  for_each = aws_iam_role.image_refresh

  name = "image-refresh"
  role = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "AskForNewInstances"
      Effect   = "Allow"
      Action   = "batch:UpdateComputeEnvironment"
      Resource = [for environment in sort(keys(local.refreshed)) : local.refreshed[environment].arn]
    }]
  })
}
