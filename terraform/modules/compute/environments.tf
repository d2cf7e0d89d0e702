# Where jobs run: for each kind compute environments of its own, Spot first and on-demand behind it. Kinds share no capacity, so
# however many videos wait, a photo finds its own vCPUs free.
#
# A compute environment that a queue uses cannot be deleted. So a change that AWS cannot make in place makes a new one
# (create_before_destroy, a name of its own), the queues move over, and then the old one goes.

locals {
  orders = { for kind, setting in var.kinds : kind => setting.spot ? ["spot", "on-demand"] : ["on-demand"] }

  environments = merge([
    for kind, orders in local.orders : {
      for order in orders : "${kind}-${order}" => merge(var.kinds[kind], { kind = kind, spot = order == "spot" })
    }
  ]...)

  fargate = var.compute == "FARGATE" ? local.environments : {}
  ec2     = var.compute == "EC2" ? local.environments : {}
  eks     = var.compute == "EKS" ? local.environments : {}

  eks_clusters = var.compute == "EKS" ? { cluster = split("/", var.eks.cluster_arn)[1] } : {}

  environment_arns = merge(
    { for environment, this in aws_batch_compute_environment.fargate : environment => this.arn },
    { for environment, this in aws_batch_compute_environment.ec2 : environment => this.arn },
    { for environment, this in aws_batch_compute_environment.eks : environment => this.arn },
  )

  # Minutes that running jobs get when instances are replaced; AWS Batch allows six hours at most.
  replacement_minutes = { for kind, setting in var.kinds : kind => min(360, ceil(setting.timeout_seconds / 60)) }
}

resource "aws_batch_compute_environment" "fargate" {
  for_each = local.fargate

  compute_environment_name_prefix = "${var.name}-${each.key}-"
  type                            = "MANAGED"
  service_role                    = var.service_role_arn

  compute_resources {
    type               = each.value.spot ? "FARGATE_SPOT" : "FARGATE"
    max_vcpus          = each.value.max_vcpus
    subnets            = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_service_linked_role.first]
}

resource "aws_batch_compute_environment" "ec2" {
  for_each = local.ec2

  compute_environment_name_prefix = "${var.name}-${each.key}-${local.template_hashes[each.value.kind]}-"
  type                            = "MANAGED"
  service_role                    = var.service_role_arn

  # No tags in here: a change of theirs would replace the environment, and they reach neither instances nor volumes. Those
  # have theirs from the launch template.
  compute_resources {
    type                = each.value.spot ? "SPOT" : "EC2"
    allocation_strategy = each.value.spot ? "SPOT_PRICE_CAPACITY_OPTIMIZED" : "BEST_FIT_PROGRESSIVE"
    min_vcpus           = 0
    max_vcpus           = each.value.max_vcpus
    instance_type       = each.value.instance_types
    instance_role       = aws_iam_instance_profile.instance["instance"].arn
    subnets             = var.subnet_ids
    security_group_ids  = [var.security_group_id]

    ec2_configuration {
      image_type = each.value.gpus > 0 ? "ECS_AL2023_NVIDIA" : "ECS_AL2023"
    }

    launch_template {
      launch_template_id = aws_launch_template.instance[each.value.kind].id
      version            = "$Latest"
    }
  }

  # Running jobs finish before their instance is replaced.
  update_policy {
    job_execution_timeout_minutes = local.replacement_minutes[each.value.kind]
    terminate_jobs_on_update      = false
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_role_policy_attachment.instance, aws_iam_service_linked_role.first]
}

data "aws_eks_cluster" "this" {
  for_each = local.eks_clusters

  name = each.value
}

resource "aws_batch_compute_environment" "eks" {
  for_each = local.eks

  compute_environment_name_prefix = "${var.name}-${each.key}-${local.template_hashes[each.value.kind]}-"
  type                            = "MANAGED"

  eks_configuration {
    eks_cluster_arn      = var.eks.cluster_arn
    kubernetes_namespace = var.eks.namespace
  }

  compute_resources {
    type                = each.value.spot ? "SPOT" : "EC2"
    allocation_strategy = each.value.spot ? "SPOT_PRICE_CAPACITY_OPTIMIZED" : "BEST_FIT_PROGRESSIVE"
    min_vcpus           = 0
    max_vcpus           = each.value.max_vcpus
    instance_type       = each.value.instance_types
    instance_role       = aws_iam_instance_profile.instance["instance"].arn
    subnets             = var.subnet_ids
    # The cluster's own group: nodes, pods and the control plane talk to each other through it, DNS included.
    security_group_ids = [data.aws_eks_cluster.this["cluster"].vpc_config[0].cluster_security_group_id]

    ec2_configuration {
      image_type = each.value.gpus > 0 ? "EKS_AL2023_NVIDIA" : "EKS_AL2023"
    }

    launch_template {
      launch_template_id = aws_launch_template.instance[each.value.kind].id
      version            = "$Latest"
    }
  }

  lifecycle {
    create_before_destroy = true

    # Nodes in another network than their cluster's never join it, and the environment becomes INVALID.
    precondition {
      condition     = data.aws_eks_cluster.this["cluster"].vpc_config[0].vpc_id == var.vpc_id
      error_message = "network.vpc_id must be the VPC of the cluster ${var.eks.cluster_arn}, which is ${data.aws_eks_cluster.this["cluster"].vpc_config[0].vpc_id}."
    }
  }

  depends_on = [aws_iam_role_policy_attachment.instance, aws_eks_access_entry.node, aws_iam_service_linked_role.first]
}

# Lets the nodes that AWS Batch adds join the cluster.
resource "aws_eks_access_entry" "node" {
  for_each = try(var.eks.access_entry, false) ? local.eks_clusters : {}

  cluster_name  = each.value
  principal_arn = aws_iam_role.instance["instance"].arn
  type          = "EC2_LINUX"
}

# AWS makes these roles at the first use of a service, and the first environment may be made before AWS Batch can assume them.
resource "aws_iam_service_linked_role" "first" {
  for_each = toset(var.iam.service_linked_roles)

  aws_service_name = "${each.value}.amazonaws.com"
}
