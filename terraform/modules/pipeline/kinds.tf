# Everything that exists once per kind follows from this map: queue, repository, job queue, job definition, roles, alarms.
# The keys are the kinds' names in crates/catalog/src/kind.rs; a test holds the two, the crates and the images together.
# `patience`: how many times the limit of one operation's time its longest operation may take (`Job::patience`).
locals {
  kinds_as_shipped = {
    document = { queue_variable = "SQS_DOCUMENT", job = "document-job", vcpus = 1, memory_mib = 2048, disk_gib = 21, timeout_seconds = 1800, patience = 1, gpus = 0 }
    image    = { queue_variable = "SQS_PICTURE", job = "image-job", vcpus = 2, memory_mib = 4096, disk_gib = 21, timeout_seconds = 1800, patience = 1, gpus = 0 }
    model    = { queue_variable = "SQS_3D_FILE", job = "model-job", vcpus = 2, memory_mib = 8192, disk_gib = 50, timeout_seconds = 3600, patience = 1, gpus = 0 }
    video    = { queue_variable = "SQS_VIDEO", job = "video-job", vcpus = 4, memory_mib = 8192, disk_gib = 200, timeout_seconds = 36000, patience = 4, gpus = 0 }
  }

  kinds = {
    for kind, shipped in local.kinds_as_shipped : kind => merge(
      shipped,
      { for setting, value in try(var.kinds[kind], {}) : setting => value if value != null && !contains(["least", "most"], setting) },
      { image = lookup(var.images, kind, "${module.registry.repository_urls[kind]}:${var.image_tag}") },
    )
  }
}
