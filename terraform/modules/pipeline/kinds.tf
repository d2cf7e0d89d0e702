# Everything that exists once per kind follows from this map: queue, repository, job queue, job definition, roles, alarms.
# The keys are the kinds' names in crates/catalog/src/kind.rs; a test holds the two, the crates and the images together.
# What the operations of a kind need (processors, memory, disk, multiples of the time limit) comes from their declarations
# by way of profiles.json, which `make reference` writes.
locals {
  kinds_as_shipped = {
    document = { queue_variable = "SQS_DOCUMENT", job = "document-job", timeout_seconds = 1800, gpus = 0 }
    image    = { queue_variable = "SQS_PICTURE", job = "image-job", timeout_seconds = 1800, gpus = 0 }
    model    = { queue_variable = "SQS_3D_FILE", job = "model-job", timeout_seconds = 3600, gpus = 0 }
    video    = { queue_variable = "SQS_VIDEO", job = "video-job", timeout_seconds = 36000, gpus = 0 }
  }

  profiles = jsondecode(file("${path.module}/profiles.json"))

  kinds = {
    for kind, shipped in local.kinds_as_shipped : kind => merge(
      {
        vcpus       = local.profiles.kinds[kind].vcpus
        memory_mib  = local.profiles.kinds[kind].memoryMib
        disk_gib    = local.profiles.kinds[kind].diskGib
        time_factor = local.profiles.kinds[kind].timeFactor
      },
      shipped,
      { for setting, value in try(var.kinds[kind], {}) : setting => value if value != null && !contains(["least", "most"], setting) },
      { image = lookup(var.images, kind, "${module.registry.repository_urls[kind]}:${var.image_tag}") },
    )
  }
}
