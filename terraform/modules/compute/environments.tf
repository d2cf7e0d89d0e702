# Where jobs run: compute environments in the order in which they are filled. Spot first, on-demand behind it; apart from
# each other for kinds that need a GPU.
#
# A compute environment that a queue uses cannot be deleted. So a change that AWS cannot make in place makes a new one
# (create_before_destroy, a name of its own), the queues move over, and then the old one goes.

locals {
  orders = var.spot ? ["spot", "on-demand"] : ["on-demand"]
  pools  = toset(concat(["general"], anytrue([for kind in var.kinds : kind.gpus > 0]) ? ["gpu"] : []))

  environments = {
    for pair in setproduct(local.pools, local.orders) : "${pair[0]}-${pair[1]}" => { pool = pair[0], spot = pair[1] == "spot" }
  }

  fargate = var.compute == "FARGATE" ? local.environments : {}
  ec2     = var.compute == "EC2" ? local.environments : {}
  eks     = var.compute == "EKS" ? local.environments : {}

  eks_clusters = var.compute == "EKS" ? { cluster = split("/", var.eks.cluster_arn)[1] } : {}

  instance_types = {
    general = var.ec2.instance_types
    gpu     = var.ec2.gpu_instance_types
  }

  environment_arns = merge(
    { for environment, this in aws_batch_compute_environment.fargate : environment => this.arn },
    { for environment, this in aws_batch_compute_environment.ec2 : environment => this.arn },
    { for environment, this in aws_batch_compute_environment.eks : environment => this.arn },
  )
}

resource "aws_batch_compute_environment" "fargate" {
  for_each = local.fargate

  compute_environment_name_prefix = "${var.name}-${each.key}-"
  type                            = "MANAGED"
  service_role                    = var.service_role_arn

  compute_resources {
    type               = each.value.spot ? "FARGATE_SPOT" : "FARGATE"
    max_vcpus          = var.max_vcpus
    subnets            = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_batch_compute_environment" "ec2" {
  for_each = local.ec2

  compute_environment_name_prefix = "${var.name}-${each.key}-"
  type                            = "MANAGED"
  service_role                    = var.service_role_arn

  # No tags in here: a change of theirs would replace the environment.
  compute_resources {
    type                = each.value.spot ? "SPOT" : "EC2"
    allocation_strategy = each.value.spot ? "SPOT_PRICE_CAPACITY_OPTIMIZED" : "BEST_FIT_PROGRESSIVE"
    min_vcpus           = 0
    max_vcpus           = var.max_vcpus
    instance_type       = local.instance_types[each.value.pool]
    instance_role       = aws_iam_instance_profile.instance["instance"].arn
    subnets             = var.subnet_ids
    security_group_ids  = [var.security_group_id]

    ec2_configuration {
      image_type = each.value.pool == "gpu" ? "ECS_AL2023_NVIDIA" : "ECS_AL2023"
    }

    launch_template {
      launch_template_id = aws_launch_template.instance["instance"].id
      version            = "$Latest"
    }
  }

  # Running jobs finish before their instance is replaced.
  update_policy {
    job_execution_timeout_minutes = 60
    terminate_jobs_on_update      = false
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_role_policy_attachment.instance]
}

data "aws_eks_cluster" "this" {
  for_each = local.eks_clusters

  name = each.value
}

resource "aws_batch_compute_environment" "eks" {
  for_each = local.eks

  compute_environment_name_prefix = "${var.name}-${each.key}-"
  type                            = "MANAGED"

  eks_configuration {
    eks_cluster_arn      = var.eks.cluster_arn
    kubernetes_namespace = var.eks.namespace
  }

  compute_resources {
    type                = each.value.spot ? "SPOT" : "EC2"
    allocation_strategy = each.value.spot ? "SPOT_PRICE_CAPACITY_OPTIMIZED" : "BEST_FIT_PROGRESSIVE"
    min_vcpus           = 0
    max_vcpus           = var.max_vcpus
    instance_type       = local.instance_types[each.value.pool]
    instance_role       = aws_iam_instance_profile.instance["instance"].arn
    subnets             = var.subnet_ids
    # The cluster's own group: nodes, pods and the control plane talk to each other through it, DNS included.
    security_group_ids = [data.aws_eks_cluster.this["cluster"].vpc_config[0].cluster_security_group_id]

    ec2_configuration {
      image_type = each.value.pool == "gpu" ? "EKS_AL2023_NVIDIA" : "EKS_AL2023"
    }

    launch_template {
      launch_template_id = aws_launch_template.instance["instance"].id
      version            = "$Latest"
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_role_policy_attachment.instance, aws_eks_access_entry.node]
}

# Lets the nodes that AWS Batch adds join the cluster.
resource "aws_eks_access_entry" "node" {
  for_each = try(var.eks.access_entry, false) ? local.eks_clusters : {}

  cluster_name  = each.value
  principal_arn = aws_iam_role.instance["instance"].arn
  type          = "EC2_LINUX"
}

# Instances, for EC2 and EKS.

locals {
  instances = var.compute == "FARGATE" ? toset([]) : toset(["instance"])

  instance_policies = var.compute == "EC2" ? toset(["service-role/AmazonEC2ContainerServiceforEC2Role"]) : (
    var.compute == "EKS" ? toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"]) : toset([])
  )
}

resource "aws_launch_template" "instance" {
  for_each = local.instances

  name_prefix            = "${var.name}-"
  update_default_version = true

  # Containers get their own role; with one hop none of them can reach the instance's.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.ec2.disk_gib
      encrypted             = true
      kms_key_id            = var.kms_key_arn
      delete_on_termination = true
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role" "instance" {
  for_each = local.instances

  name = "${var.name}-instance"
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
  role = each.value.name
}
