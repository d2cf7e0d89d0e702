# Everything that exists once per kind follows from this map: queue, repository, compute environments, job queue, job definition,
# roles, alarms. The keys are the kinds' names in crates/catalog/src/kind.rs; a test holds the two, the crates and the images together.
# What the operations of a kind need (processors, memory, disk, GPUs, multiples of the time limit, and whether jobs share the work on
# one object) comes from their declarations by way of profiles.json, which `make reference` writes.
# `attempts`: starts of a job, of which Spot may take back all but the last.
locals {
  kinds_as_shipped = {
    document = { queue_variable = "SQS_DOCUMENT", job = "document-job", timeout_seconds = 1800, attempts = 5 }
    image    = { queue_variable = "SQS_PICTURE", job = "image-job", timeout_seconds = 1800, attempts = 5 }
    model    = { queue_variable = "SQS_3D_FILE", job = "model-job", timeout_seconds = 3600, attempts = 5 }
    video    = { queue_variable = "SQS_VIDEO", job = "video-job", timeout_seconds = 36000, attempts = 10 }
  }

  profiles = jsondecode(file("${path.module}/profiles.json"))

  kinds_as_changed = {
    for kind, shipped in local.kinds_as_shipped : kind => merge(
      { spot = var.spot, max_vcpus = var.max_vcpus, instance_disk_gib = var.ec2.disk_gib },
      {
        vcpus       = local.profiles.kinds[kind].vcpus
        memory_mib  = local.profiles.kinds[kind].memoryMib
        disk_gib    = local.profiles.kinds[kind].diskGib
        time_factor = local.profiles.kinds[kind].timeFactor
        gpus        = local.profiles.kinds[kind].gpus
        in_parts    = local.profiles.kinds[kind].inParts
      },
      shipped,
      { for setting, value in try(var.kinds[kind], {}) : setting => value if value != null && !contains(["min", "max"], setting) },
    )
  }

  kinds = {
    for kind, setting in local.kinds_as_changed : kind => merge(
      { instance_types = setting.gpus > 0 ? var.ec2.gpu_instance_types : var.ec2.instance_types },
      setting,
      { image = lookup(var.images, kind, "${module.registry.repository_urls[kind]}:${var.image_tag}${contains(var.with_weights, kind) ? "-with-weights" : ""}") },
    )
  }

  # vCPUs that a task of Fargate may have, with GiB of memory from, to and in steps of (guide of Amazon ECS, "Task CPU and memory").
  fargate_sizes = {
    "1"  = range(2, 8 + 1, 1)
    "2"  = range(4, 16 + 1, 1)
    "4"  = range(8, 30 + 1, 1)
    "8"  = range(16, 60 + 1, 4)
    "16" = range(32, 120 + 1, 8)
  }
}

# Checked here, where a kind's sizes are known: of what is shipped and what was changed together.
resource "terraform_data" "sizes" {
  for_each = local.kinds_as_changed

  input = "${each.value.vcpus} vCPU, ${each.value.memory_mib} MiB"

  lifecycle {
    precondition {
      condition     = var.compute != "FARGATE" || contains([for gib in lookup(local.fargate_sizes, tostring(each.value.vcpus), []) : gib * 1024], each.value.memory_mib)
      error_message = "kinds.${each.key}: Fargate has no task of ${each.value.vcpus} vCPU and ${each.value.memory_mib} MiB. It has 1, 2, 4, 8 or 16 vCPU with 2 to 8, 4 to 16, 8 to 30, 16 to 60 (in steps of 4) or 32 to 120 (in steps of 8) GiB."
    }

    precondition {
      condition     = var.compute == "FARGATE" || each.value.instance_disk_gib >= each.value.disk_gib
      error_message = "kinds.${each.key}: an instance's disk of ${each.value.instance_disk_gib} GiB is smaller than the ${each.value.disk_gib} GiB that one job may fill. Set kinds.${each.key}.instance_disk_gib or ec2.disk_gib to more."
    }

    precondition {
      condition     = each.value.max_vcpus >= each.value.vcpus
      error_message = "kinds.${each.key}: max_vcpus (${each.value.max_vcpus}) is less than the ${each.value.vcpus} vCPU of one job, which would never start."
    }
  }
}
