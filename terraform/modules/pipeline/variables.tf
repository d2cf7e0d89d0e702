# Only a name has to be given. Everything else has a default that works and costs next to nothing when idle. The region is that of
# the provider. The root in terraform/ has this file by a link, so that both always have the same variables.

variable "name" {
  description = "Name of this installation: the first part of every resource's name. Several installations can live in one account and region."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen: the buckets' names are made of it."
  }
}

variable "tags" {
  description = "Tags for every resource, besides Project and ManagedBy."
  type        = map(string)
  default     = {}
}

variable "force_destroy" {
  description = "Whether `terraform destroy` also deletes the objects in the buckets and the images in the repositories, and whether the tables may be deleted. Leave it false where data matters."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Customer-managed KMS key for buckets, queues, topics, tables, logs and images. Null: keys that AWS owns, without charge. The key's policy must let the services in (docs/deploy.md has the statement)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not an alias."
  }
}

variable "iam" {
  description = "Path and permissions boundary of every role. `service_linked_roles`: services whose roles are made first, in an account that never used them (docs/deploy.md); AWS refuses one that exists."
  type = object({
    path                     = optional(string, "/")
    permissions_boundary_arn = optional(string)
    service_linked_roles     = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.iam.path))
    error_message = "iam.path must begin and end with a slash, such as /media/."
  }

  validation {
    condition     = alltrue([for service in var.iam.service_linked_roles : contains(["batch", "ecs", "autoscaling", "spot", "spotfleet"], service)])
    error_message = "iam.service_linked_roles may name batch, ecs, autoscaling, spot and spotfleet."
  }
}

variable "log_retention_days" {
  description = "Days that logs of functions and jobs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of the periods that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, …"
  }
}

# Where jobs run.

variable "compute" {
  description = "Where AWS Batch runs the jobs: FARGATE (nothing to look after), EC2 (cheapest at volume, GPUs possible) or EKS (an existing cluster)."
  type        = string
  default     = "FARGATE"

  validation {
    condition     = contains(["FARGATE", "EC2", "EKS"], var.compute)
    error_message = "compute must be FARGATE, EC2 or EKS."
  }
}

variable "spot" {
  description = "Whether jobs run on Spot capacity first, with on-demand capacity behind it. Jobs that Spot takes back are run again."
  type        = bool
  default     = true
}

variable "spot_fallback" {
  description = "Whether work that Spot takes away as often as a kind's `attempts` say is done once more on on-demand capacity, rather than FAILED."
  type        = bool
  default     = true
}

variable "shares" {
  description = "Fair shares of each kind's capacity: `by` = `prefix` (the first folder of an upload's key) or `metadata` (the user metadata `share`). However much one share uploads, the others get about as much capacity: `weights` by share (2: half as much, 0.5: twice as much; shares without one: 1), `decay_seconds`: for how long use counts, `reserved_percent`: capacity kept for shares that have nothing running. max_priority: the highest priority, 0 to 9999, that user metadata `priority` may ask for within a share. Turning it on or off replaces the job queues, with new names."
  type = object({
    by               = optional(string)
    max_priority     = optional(number, 0)
    weights          = optional(map(number), {})
    decay_seconds    = optional(number, 3600)
    reserved_percent = optional(number, 0)
  })
  default = {}

  validation {
    condition     = var.shares.by == null ? true : contains(["prefix", "metadata"], var.shares.by)
    error_message = "shares: by must be prefix or metadata."
  }

  validation {
    condition     = var.shares.max_priority >= 0 && var.shares.max_priority <= 9999 && floor(var.shares.max_priority) == var.shares.max_priority
    error_message = "shares: max_priority must be a whole number, 0 to 9999."
  }

  validation {
    condition     = alltrue([for share, weight in var.shares.weights : can(regex("^[A-Za-z0-9]{1,255}$", share)) && weight >= 0.0001 && weight <= 999.9999])
    error_message = "shares: weights are 0.0001 to 999.9999, by shares of letters and digits."
  }

  validation {
    condition     = var.shares.decay_seconds >= 0 && var.shares.decay_seconds <= 604800 && var.shares.reserved_percent >= 0 && var.shares.reserved_percent <= 99
    error_message = "shares: decay_seconds must be 0 to 604800, and reserved_percent 0 to 99."
  }
}

variable "max_vcpus" {
  description = "The most vCPUs that the jobs of one kind use at once, Spot and on-demand each: what runs at most, and so what can be spent in an hour. By kind: kinds."
  type        = number
  default     = 256

  validation {
    condition     = var.max_vcpus >= 16
    error_message = "max_vcpus must be at least 16, or the largest jobs find no room; kinds can have less."
  }
}

variable "job_architecture" {
  description = "Processor of the containers: X86_64 or ARM64 (about 20 % cheaper on Fargate; the images have to be built for it, and with EC2 or EKS the instance types must be of it, such as c7g)."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.job_architecture)
    error_message = "job_architecture must be X86_64 or ARM64."
  }

  validation {
    condition = var.job_architecture == "X86_64" || var.compute == "FARGATE" || alltrue([
      for type in flatten([var.ec2.instance_types, [for kind in var.kinds : kind.instance_types if kind.instance_types != null]]) : can(regex("^[a-z]+[0-9]+g", type))
    ])
    error_message = "job_architecture = \"ARM64\" needs ec2.instance_types of that processor, such as [\"c7g\", \"m7g\"]."
  }
}

variable "ec2" {
  description = "For compute = EC2 or EKS: the instance types Batch may choose from, and those of kinds that ask for a GPU; an instance's disk in GiB with its throughput (MiB/s) and operations a second where gp3's 125 and 3,000 are too little; and when instances get the newest machine image, as a schedule such as `cron(0 3 ? * SUN#1 *)` (null: when somebody asks, docs/deploy.md). Types and disks by kind: kinds."
  type = object({
    instance_types        = optional(list(string), ["c6i", "c7i", "m6i", "m7i"])
    gpu_instance_types    = optional(list(string), ["g4dn", "g5"])
    disk_gib              = optional(number, 200)
    disk_throughput_mibps = optional(number)
    disk_iops             = optional(number)
    image_refresh         = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for size in concat([var.ec2.disk_gib], [for kind in var.kinds : kind.instance_disk_gib if kind.instance_disk_gib != null]) : size >= 30])
    error_message = "ec2.disk_gib and kinds.*.instance_disk_gib must be at least 30: the container images and the jobs' scratch space share the disk."
  }

  validation {
    condition     = var.ec2.image_refresh == null ? true : can(regex("^(cron|rate)\\(.+\\)$", var.ec2.image_refresh))
    error_message = "ec2.image_refresh must be a schedule of EventBridge Scheduler, such as cron(0 3 ? * SUN#1 *) or rate(30 days)."
  }
}

variable "eks" {
  description = "For compute = EKS: the ARN of the cluster, the namespace in it that is AWS Batch's, and whether to make the access entry with which the nodes that Batch adds join it (false where the cluster knows only the configuration map aws-auth: docs/deploy.md)."
  type = object({
    cluster_arn  = string
    namespace    = optional(string, "media-jobs")
    access_entry = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.eks == null || can(regex("^arn:[a-z-]+:eks:[a-z0-9-]+:[0-9]{12}:cluster/", var.eks.cluster_arn))
    error_message = "eks.cluster_arn must be the ARN of an EKS cluster."
  }

  validation {
    condition     = var.compute != "EKS" || var.eks != null
    error_message = "compute = \"EKS\" needs the cluster: eks = { cluster_arn = \"arn:aws:eks:…:cluster/…\" }."
  }
}

variable "kinds" {
  description = "What to change for a kind (document, image, model, video) against kinds.tf: vCPUs, memory in MiB and scratch disk in GiB of a job that is submitted by hand, seconds until any job is stopped, GPUs, and how often a job is started at most (`attempts`); the kind's capacity: `spot`, `max_vcpus`, and for EC2 and EKS `instance_types` and `instance_disk_gib`; and between what `min` and `max` dispatch chooses a job's vCPUs and memory by operation and size (docs/operations.md)."
  type = map(object({
    vcpus             = optional(number)
    memory_mib        = optional(number)
    disk_gib          = optional(number)
    timeout_seconds   = optional(number)
    gpus              = optional(number)
    attempts          = optional(number)
    spot              = optional(bool)
    max_vcpus         = optional(number)
    instance_types    = optional(list(string))
    instance_disk_gib = optional(number)
    min               = optional(object({ vcpus = number, memory_mib = number }))
    max               = optional(object({ vcpus = number, memory_mib = number }))
  }))
  default = {}

  validation {
    condition     = alltrue([for kind in keys(var.kinds) : contains(keys(local.kinds_as_shipped), kind)])
    error_message = "kinds: the kinds are ${join(", ", keys(local.kinds_as_shipped))}."
  }

  validation {
    condition     = alltrue([for kind in var.kinds : try(kind.disk_gib, null) == null ? true : kind.disk_gib >= 21 && kind.disk_gib <= 200])
    error_message = "kinds: disk_gib must be 21 to 200, which is what Fargate offers."
  }

  validation {
    condition = alltrue(flatten([for kind in var.kinds : [for bound in [try(kind.min, null), try(kind.max, null)] :
      bound == null ? true : bound.vcpus >= 1 && bound.vcpus <= 16 && bound.memory_mib >= 2048 && bound.memory_mib <= 122880
    ]]))
    error_message = "kinds: min and max must be 1 to 16 vCPUs and 2048 to 122880 MiB, which is what Fargate offers."
  }

  validation {
    condition = alltrue([for kind in var.kinds :
      try(kind.min, null) == null || try(kind.max, null) == null ? true : kind.min.vcpus <= kind.max.vcpus && kind.min.memory_mib <= kind.max.memory_mib
    ])
    error_message = "kinds: min must be no more than max."
  }

  validation {
    condition     = alltrue([for kind in var.kinds : try(kind.gpus, null) == null || try(kind.gpus, 0) == 0 || var.compute != "FARGATE"])
    error_message = "kinds: Fargate has no GPUs; use compute = \"EC2\" (or EKS) for a kind with gpus."
  }

  validation {
    condition     = alltrue([for kind in var.kinds : kind.attempts == null ? true : contains(range(1, 11), kind.attempts)])
    error_message = "kinds: attempts must be 1 to 10, which is what AWS Batch allows."
  }
}

variable "image_tag" {
  description = "Tag of the container images in this installation's repositories. Tags cannot be overwritten: push a new one, then apply with it."
  type        = string
  default     = "0.1.0"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag must be a container image tag."
  }
}

variable "with_weights" {
  description = "Kinds whose jobs run with the image that contains the weights of neural networks, which `make docker-push` pushes as IMAGE_TAG-with-weights: document, for `analyse`, for the meaning of text in `classify` and for text in scans, image, for `recognise` and for text in pictures, and video, for `caption`. The image is larger, so that every job of the kind starts later."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for kind in var.with_weights : contains(["document", "image", "video"], kind)])
    error_message = "with_weights: the kinds that have an image with weights are document, image and video."
  }
}

variable "images" {
  description = "Container image of a kind in full (registry/name@sha256:…) where it is not to come from this installation's repository."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for kind in keys(var.images) : contains(keys(local.kinds_as_shipped), kind)])
    error_message = "images: the kinds are ${join(", ", keys(local.kinds_as_shipped))}."
  }
}

variable "network" {
  description = "Where jobs get their network from. By default a VPC of this installation's own: public subnets, nothing may connect in. private = true: private subnets, and interface endpoints instead of public addresses. exclude_zone_ids: zones without subnets; as given, those in which Fargate is not offered. vpc_id and subnet_ids: a VPC that exists, into which nothing is put but a security group; assign_public_ip says whether jobs on Fargate get a public address there (public subnets without a NAT gateway), gateway_endpoint whether its route_table_ids get an endpoint for S3, where they have none."
  type = object({
    cidr             = optional(string, "10.64.0.0/16")
    zones            = optional(number, 3)
    exclude_zone_ids = optional(list(string), ["usw1-az2", "apne1-az3", "cnn1-az3"])
    private          = optional(bool, false)
    flow_logs        = optional(bool, false)
    vpc_id           = optional(string)
    subnet_ids       = optional(list(string), [])
    route_table_ids  = optional(list(string), [])
    gateway_endpoint = optional(bool, false)
    assign_public_ip = optional(bool, false)
  })
  default = {}

  validation {
    condition     = (var.network.vpc_id == null) == (length(var.network.subnet_ids) == 0)
    error_message = "network: vpc_id and subnet_ids go together; give both or neither."
  }

  validation {
    condition     = can(cidrsubnet(var.network.cidr, 4, 0)) && var.network.zones >= 1 && var.network.zones <= 6
    error_message = "network: cidr must be a network that can be cut into sixteen, such as 10.64.0.0/16, and zones 1 to 6."
  }

  validation {
    condition     = var.compute != "EKS" || var.network.vpc_id != null
    error_message = "network: compute = \"EKS\" needs the cluster's own VPC and subnets (vpc_id, subnet_ids): nodes elsewhere never join it."
  }

  validation {
    condition     = var.network.vpc_id == null || !(var.network.private || var.network.flow_logs)
    error_message = "network: private and flow_logs are for a VPC of the installation's own; in one that exists, its subnets decide."
  }

  validation {
    condition     = var.network.vpc_id != null || !(var.network.gateway_endpoint || var.network.assign_public_ip || length(var.network.route_table_ids) > 0)
    error_message = "network: gateway_endpoint, route_table_ids and assign_public_ip are for a VPC that exists (vpc_id)."
  }

  validation {
    condition     = var.network.gateway_endpoint == (length(var.network.route_table_ids) > 0)
    error_message = "network: gateway_endpoint and route_table_ids go together: the tables say where the endpoint is used."
  }
}

# Functions.

variable "lambda_architecture" {
  description = "Processor of the three functions: x86_64, or arm64, which is 20 % cheaper (the zips have to be built for it)."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.lambda_architecture)
    error_message = "lambda_architecture must be x86_64 or arm64."
  }
}

variable "lambda_zips_folder" {
  description = "Folder of the functions' zips. Null: target/lambda of this repository, where `make lambda-zips` puts them."
  type        = string
  default     = null
}

variable "lambda_reserved_concurrency" {
  description = "Reserved concurrency of a function (classify, dispatch, output), taken out of the account's 1,000. Absent: shared with everything else in the account."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.lambda_reserved_concurrency) : contains(["classify", "dispatch", "output"], name)])
    error_message = "lambda_reserved_concurrency: the functions are classify, dispatch and output."
  }
}

variable "log_level" {
  description = "What the functions and the jobs log: error, warn, info, debug, or any filter that RUST_LOG takes. Null: what each of them logs by itself."
  type        = string
  default     = null
}

variable "dispatch" {
  description = "How dispatch reads the queues: messages per call, seconds to wait for that many, and calls at once per kind (few, because SubmitJob takes 50 requests a second for the whole account)."
  type = object({
    batch_size      = optional(number, 1000)
    window_seconds  = optional(number, 20)
    max_concurrency = optional(number, 2)
  })
  default = {}

  validation {
    condition     = var.dispatch.batch_size >= 1 && var.dispatch.batch_size <= 10000 && var.dispatch.window_seconds >= 0 && var.dispatch.window_seconds <= 300
    error_message = "dispatch: batch_size must be 1 to 10000 and window_seconds 0 to 300."
  }

  validation {
    condition     = var.dispatch.batch_size <= 10 || var.dispatch.window_seconds >= 1
    error_message = "dispatch: AWS wants a window_seconds of at least 1 where batch_size is above 10."
  }

  validation {
    condition     = var.dispatch.max_concurrency >= 2 && var.dispatch.max_concurrency <= 1000
    error_message = "dispatch: max_concurrency must be 2 to 1000."
  }
}

variable "record" {
  description = "How output takes events of results, notices and jobs: how many at once, how many seconds it waits for them to gather, and how many calls there are at the same time."
  type = object({
    batch_size      = optional(number, 100)
    window_seconds  = optional(number, 2)
    max_concurrency = optional(number, 100)
  })
  default = {}

  validation {
    condition     = var.record.batch_size >= 1 && var.record.batch_size <= 1000 && var.record.window_seconds >= 0 && var.record.window_seconds <= 60 && (var.record.batch_size <= 10 || var.record.window_seconds >= 1) && var.record.max_concurrency >= 2 && var.record.max_concurrency <= 1000
    error_message = "record.batch_size must be between 1 and 1000 (above 10 only with a window of at least one second), window_seconds between 0 and 60, max_concurrency between 2 and 1000."
  }
}

variable "reconcile" {
  description = "How often the system looks for uploads whose end was not told (Batch's events are delivered on a best-effort basis) and for objects without a record, and how many pages of 1,000 objects of the bucket of uploads it looks through each time; 0 for none."
  type = object({
    minutes    = optional(number, 10)
    walk_pages = optional(number, 50)
  })
  default = {}

  validation {
    condition     = var.reconcile.minutes >= 2 && var.reconcile.minutes <= 1440 && floor(var.reconcile.minutes) == var.reconcile.minutes
    error_message = "reconcile.minutes must be a whole number between 2 and 1440."
  }

  validation {
    condition     = var.reconcile.walk_pages >= 0 && var.reconcile.walk_pages <= 300 && floor(var.reconcile.walk_pages) == var.reconcile.walk_pages
    error_message = "reconcile.walk_pages must be a whole number between 0 and 300: a function has a minute for them."
  }
}

variable "packing" {
  description = "How objects share a container: objects below this many bytes do, up to this many bytes and this many objects (images; other kinds take fewer) each; so do larger ones whose work is expected to take half of `seconds` at most (the key frames of a video). `seconds`: expected work of one processor that a container takes at most; a container with two thirds of it or less gets as few processors as there are with its memory."
  type = object({
    below_bytes = optional(number, 33554432)
    bytes       = optional(number, 536870912)
    count       = optional(number, 128)
    seconds     = optional(number, 60)
  })
  default = {}

  validation {
    condition     = var.packing.below_bytes >= 0 && var.packing.bytes >= var.packing.below_bytes && var.packing.count >= 1
    error_message = "packing: bytes must be at least below_bytes, and count at least 1."
  }

  validation {
    condition     = var.packing.seconds >= 0 && var.packing.seconds <= 3600 && floor(var.packing.seconds) == var.packing.seconds
    error_message = "packing: seconds must be a whole number, 0 (nothing is packed by its time) to 3600."
  }
}

variable "fast_path" {
  description = "Small work at once instead of after the start of a container (docs/fast-path.md): for which kinds, how many seconds of work may be expected at most, and `by` what: `lambda`, functions that cost nothing at rest and whose isolation has to be proved in the account first (`scripts/prove-on-aws isolation`), or `workers`, a service on Fargate with the same isolation as jobs. Enable it after the images are pushed: a function cannot be made without its image."
  type = object({
    enabled         = optional(bool, false)
    by              = optional(string, "lambda")
    kinds           = optional(set(string), ["document", "image", "model"])
    max_seconds     = optional(number, 10)
    memory_mib      = optional(number, 1769)
    disk_mib        = optional(number, 1024)
    timeout_seconds = optional(number, 30)
    max_concurrency = optional(number, 100)
    workers = optional(object({
      min        = optional(number, 1)
      max        = optional(number, 4)
      vcpus      = optional(number, 1)
      memory_mib = optional(number, 2048)
      spot       = optional(bool, true)
    }), {})
  })
  default = {}

  validation {
    condition     = contains(["lambda", "workers"], var.fast_path.by)
    error_message = "fast_path: by must be \"lambda\" or \"workers\"."
  }

  validation {
    condition     = alltrue([for kind in var.fast_path.kinds : contains(keys(local.kinds_as_shipped), kind)])
    error_message = "fast_path: the kinds are ${join(", ", keys(local.kinds_as_shipped))}."
  }

  validation {
    condition     = var.fast_path.memory_mib >= 512 && var.fast_path.memory_mib <= 10240 && var.fast_path.disk_mib >= 512 && var.fast_path.disk_mib <= 10240
    error_message = "fast_path: memory_mib and disk_mib must be 512 to 10240, which is what Lambda offers."
  }

  validation {
    condition     = var.fast_path.timeout_seconds <= 900 && var.fast_path.max_seconds + 5 <= var.fast_path.timeout_seconds && var.fast_path.max_seconds >= 1
    error_message = "fast_path: timeout_seconds must be at most 900, and at least 5 more than max_seconds, which must be 1 or more."
  }

  validation {
    condition     = var.fast_path.max_concurrency >= 2 && var.fast_path.max_concurrency <= 1000
    error_message = "fast_path: max_concurrency must be 2 to 1000."
  }

  validation {
    condition     = var.fast_path.workers.min >= 0 && var.fast_path.workers.max >= max(1, var.fast_path.workers.min)
    error_message = "fast_path: workers.min must be 0 or more, and workers.max at least 1 and at least workers.min."
  }
}

variable "processing_rules" {
  description = "What to do with uploads that say nothing themselves, by the glob of their key and, if given, by kind: the first rule that fits counts. `fast = \"off\"` keeps its uploads from the fast path, whoever says what is done with them."
  type = list(object({
    glob              = string
    kind              = optional(string)
    processing_option = string
    fast              = optional(string)
  }))
  default = []

  validation {
    condition     = alltrue([for rule in var.processing_rules : rule.fast == null ? true : contains(["auto", "off"], rule.fast)])
    error_message = "processing_rules: fast must be \"auto\" or \"off\", which keeps the uploads of the rule from the fast path."
  }

  validation {
    condition     = alltrue([for rule in var.processing_rules : rule.kind == null ? true : contains(keys(local.kinds_as_shipped), rule.kind)])
    error_message = "processing_rules: the kinds are ${join(", ", keys(local.kinds_as_shipped))}."
  }
}

# Data.

variable "input_lifecycle" {
  description = "Uploads: days until they move to a cheaper storage class (0: never) and which, days until they are deleted (0: never), and days that overwritten versions are kept."
  type = object({
    transition_days  = optional(number, 0)
    transition_class = optional(string, "GLACIER_IR")
    expiry_days      = optional(number, 0)
    noncurrent_days  = optional(number, 30)
  })
  default = {}

  validation {
    condition     = contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], var.input_lifecycle.transition_class)
    error_message = "input_lifecycle: transition_class must be a storage class of S3, such as GLACIER_IR."
  }
}

variable "output_lifecycle" {
  description = "Results: as input_lifecycle. A class that has to be restored first (GLACIER, DEEP_ARCHIVE) cannot be delivered."
  type = object({
    transition_days  = optional(number, 0)
    transition_class = optional(string, "INTELLIGENT_TIERING")
    expiry_days      = optional(number, 0)
    noncurrent_days  = optional(number, 7)
  })
  default = {}

  validation {
    condition     = contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"], var.output_lifecycle.transition_class)
    error_message = "output_lifecycle: transition_class must be STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING or GLACIER_IR: CloudFront cannot read the archive classes."
  }
}

variable "existing_buckets" {
  description = "Names of buckets of this account and region to use as S3_INPUT and S3_OUTPUT instead of new ones. Nothing about them is changed: the output `existing_bucket_settings` says what they need."
  type = object({
    input  = optional(string)
    output = optional(string)
  })
  default = {}

  validation {
    condition     = var.existing_buckets.input == null || var.existing_buckets.input != var.existing_buckets.output
    error_message = "existing_buckets: input and output must be two buckets, or results would be uploads again."
  }
}

variable "delete_results_with_upload" {
  description = "Whether what was made from an upload is deleted when somebody deletes the upload, and its records a week later; a job that works on it is ended. Deletions by lifecycle rules (input_lifecycle) do not count. Deleted results are behind a marker until output_lifecycle.noncurrent_days have passed."
  type        = bool
  default     = false
}

variable "cors_allowed_origins" {
  description = "Web origins whose pages may upload with presigned URLs and read results, such as https://app.example.com. Empty: none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_allowed_origins : can(regex("^https?://[^/]+$", origin))])
    error_message = "cors_allowed_origins: an origin is a scheme and a host without a path, such as https://app.example.com."
  }
}

variable "record_days" {
  description = "Days until the records of uploads, and of outputs that were deleted, are taken out of the tables."
  type        = number
  default     = 365

  validation {
    condition     = var.record_days >= 1 && floor(var.record_days) == var.record_days
    error_message = "record_days must be a whole number of days, 1 or more."
  }
}

variable "table_capacity" {
  description = "How the tables' capacity is paid for. As given, on demand: nothing at rest, and no limit to think of. provisioned = true: by the hour, for uploads that come all day, at half the price or less; each table and index then scales between min_* and max_* units a second, so that target_percent of them are in use. An apply sets the indexes' back to min_*, from which they are raised within minutes: take for min_* what the usual load uses, and for max_* twice the peak's (docs/cost.md)."
  type = object({
    provisioned    = optional(bool, false)
    min_read       = optional(number, 5)
    max_read       = optional(number, 4000)
    min_write      = optional(number, 25)
    max_write      = optional(number, 4000)
    target_percent = optional(number, 70)
  })
  default = {}

  validation {
    condition     = var.table_capacity.target_percent >= 20 && var.table_capacity.target_percent <= 90
    error_message = "table_capacity: target_percent must be 20 to 90."
  }

  validation {
    condition     = var.table_capacity.min_read >= 1 && var.table_capacity.max_read >= var.table_capacity.min_read && var.table_capacity.min_write >= 1 && var.table_capacity.max_write >= var.table_capacity.min_write
    error_message = "table_capacity: min_* must be at least 1, and max_* at least min_*."
  }
}

# Delivery and notices.

variable "delivery" {
  description = "CloudFront over the results. They are private: a reader needs a URL or cookies signed by one of signing_public_keys (PEM, by name), and without keys nobody reads. public = true gives everything to everybody who knows its address, which is made of the upload's key; public_paths (such as `*/resize/*`, ending with *) only what they fit. signing_secret: which of the keys operators sign with (`pipeline url`), and the ARN of the secret of Secrets Manager with its private key. max_age_seconds: how long copies of results are good. Further: price class, own host names with their certificate (ACM, us-east-1), access logs, a WAF web ACL."
  type = object({
    enabled             = optional(bool, true)
    public              = optional(bool, false)
    public_paths        = optional(list(string), [])
    signing_public_keys = optional(map(string), {})
    signing_secret      = optional(object({ key = string, arn = string }))
    max_age_seconds     = optional(number, 3600)
    price_class         = optional(string, "PriceClass_100")
    host_names          = optional(list(string), [])
    certificate_arn     = optional(string)
    access_logs         = optional(bool, false)
    web_acl_arn         = optional(string)
  })
  default = {}

  validation {
    condition     = !(var.delivery.public && (length(var.delivery.public_paths) > 0 || length(var.delivery.signing_public_keys) > 0))
    error_message = "delivery: public = true makes every result public, so that keys would protect nothing; for parts of them say public_paths."
  }

  validation {
    condition     = alltrue([for path in var.delivery.public_paths : can(regex("^[A-Za-z0-9_.*$/~\"'@:+&?-]{1,199}[*]$", path))])
    error_message = "delivery: a path of public_paths ends with * and has letters, digits and _-.*$/~\"'@:+&? only, such as */resize/*; for everything say public = true."
  }

  validation {
    condition     = length(var.delivery.public_paths) <= 5
    error_message = "delivery: CloudFront takes 25 behaviours; five public_paths are the most that fit."
  }

  validation {
    condition     = alltrue([for key in values(var.delivery.signing_public_keys) : strcontains(key, "-----BEGIN PUBLIC KEY-----")])
    error_message = "delivery: signing_public_keys are public keys in PEM: `openssl rsa -pubout`, or for ECDSA P-256 `openssl ec -pubout`."
  }

  validation {
    condition     = var.delivery.signing_secret == null ? true : contains(keys(var.delivery.signing_public_keys), var.delivery.signing_secret.key) && can(regex("^arn:[a-z-]+:secretsmanager:", var.delivery.signing_secret.arn))
    error_message = "delivery: signing_secret names one of signing_public_keys and the ARN of a secret (arn:aws:secretsmanager:…)."
  }

  validation {
    condition     = var.delivery.max_age_seconds >= 0 && var.delivery.max_age_seconds <= 31536000
    error_message = "delivery: max_age_seconds must be 0 to 31536000, a year."
  }

  validation {
    condition     = (length(var.delivery.host_names) == 0) == (var.delivery.certificate_arn == null)
    error_message = "delivery: host_names and certificate_arn go together; give both or neither."
  }

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.delivery.price_class)
    error_message = "delivery: price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "notification_subscriptions" {
  description = "Who hears how each job ended: protocol (email, https, sqs, lambda), endpoint, and a filter on the attributes kind, operation and outcome. An e-mail address has to be confirmed by its owner."
  type = list(object({
    protocol = string
    endpoint = string
    filter   = optional(map(list(string)), {})
  }))
  default = []

  validation {
    condition     = alltrue([for subscription in var.notification_subscriptions : contains(["email", "email-json", "https", "sqs", "lambda"], subscription.protocol)])
    error_message = "notification_subscriptions: protocol must be email, email-json, https, sqs or lambda."
  }
}

variable "upload_events" {
  description = "Events of EventBridge, one when an upload ends (docs/upload-ended.schema.json). `bus`: `own` for a bus of this installation's own, `default`, or the name of one that exists; null: no events. `webhook`: an HTTPS address that is called with each event, again and again for a day until it answers well, and the header by which it knows its caller (webhook_secret); `states`: only ends in these states; `most_per_second`: calls at most."
  type = object({
    bus = optional(string)
    webhook = optional(object({
      url             = string
      header          = optional(string, "x-pipeline-secret")
      states          = optional(list(string), [])
      most_per_second = optional(number, 50)
    }))
  })
  default = {}

  validation {
    condition     = var.upload_events.webhook == null || var.upload_events.bus != null
    error_message = "upload_events: a webhook hears of events on a bus: bus = \"own\"."
  }

  validation {
    condition     = var.upload_events.webhook == null ? true : startswith(var.upload_events.webhook.url, "https://")
    error_message = "upload_events: EventBridge calls addresses that begin with https:// only."
  }

  validation {
    condition     = var.upload_events.webhook == null ? true : alltrue([for state in var.upload_events.webhook.states : contains(["SUCCEEDED", "FAILED", "REJECTED", "UNSUPPORTED", "CANCELLED"], state)])
    error_message = "upload_events: states are SUCCEEDED, FAILED, REJECTED, UNSUPPORTED and CANCELLED."
  }
}

variable "webhook_secret" {
  description = "What the header of upload_events.webhook holds. It is kept in the state and, by EventBridge, in Secrets Manager."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = (var.webhook_secret == null) == (var.upload_events.webhook == null)
    error_message = "webhook_secret and upload_events.webhook go together: a webhook must know who calls it."
  }
}

variable "budget" {
  description = "Bounds of what the jobs are estimated to cost, US dollars in a day and in a month (UTC): above one, dispatch is paused until the period is over or an operator resumes (`pipeline resume`); uploads are taken in and wait. vcpu_hour_usd and gib_hour_usd: what a vCPU and a GiB cost an hour; as given, the list price of us-east-1, for Spot a usual share of it."
  type = object({
    day_usd       = optional(number)
    month_usd     = optional(number)
    vcpu_hour_usd = optional(number)
    gib_hour_usd  = optional(number)
  })
  default = {}

  validation {
    condition     = alltrue([for bound in [var.budget.day_usd, var.budget.month_usd] : bound == null ? true : bound > 0])
    error_message = "budget: day_usd and month_usd must be above 0; absent, there is no bound."
  }

  validation {
    condition     = alltrue([for price in [var.budget.vcpu_hour_usd, var.budget.gib_hour_usd] : price == null ? true : price >= 0 && price < 1000])
    error_message = "budget: prices must be 0 to 1000 US dollars."
  }
}

variable "engines" {
  description = "Amazon's managed engines that operations may ask by their option engine (docs/engines.md): { rekognition = {}, textract = {}, comprehend = {}, mediaconvert = {} }. Those not named are not allowed to the jobs, and cost nothing; those named cost what they are asked. per_second: calls of one kind that a container makes at most in a second; by default less than the smallest quota of any region. queue: name or ARN of a queue of MediaConvert's; by default the account's default."
  type = map(object({
    per_second = optional(number)
    queue      = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for engine in keys(var.engines) : contains(["rekognition", "textract", "comprehend", "mediaconvert"], engine)])
    error_message = "engines: allowed are rekognition, textract, comprehend and mediaconvert."
  }

  validation {
    condition     = alltrue([for engine in values(var.engines) : engine.per_second == null ? true : engine.per_second >= 0.01 && engine.per_second <= 1000])
    error_message = "engines: per_second must be 0.01 to 1000."
  }

  validation {
    condition     = alltrue([for engine, setting in var.engines : setting.queue == null || engine == "mediaconvert"])
    error_message = "engines: queue is of mediaconvert alone."
  }
}

variable "alarms" {
  description = "Who hears alarms (e-mail addresses), and their thresholds: seconds of turnaround (95th percentile), seconds that a message may wait in a queue, hours in which uploads may come and none end (at least as long as the longest video takes), percent of operations that may fail, percent of vCPUs (of max_vcpus and of the account's quota) and of an operation's memory that may be used, calls of functions at once that the account may have, US dollars a month (0: no budget). s3_request_metrics: whether S3 counts requests and errors (some dollars a month). canary_minutes: how often a small picture is uploaded, so that a failure shows when nobody uploads (0: never)."
  type = object({
    emails                  = optional(list(string), [])
    turnaround_seconds      = optional(number, 900)
    queue_age_seconds       = optional(number, 900)
    stalled_hours           = optional(number, 3)
    failure_percent         = optional(number, 5)
    capacity_percent        = optional(number, 90)
    memory_percent          = optional(number, 90)
    lambda_concurrency      = optional(number, 1000)
    monthly_budget_usd      = optional(number, 0)
    budget_alarm_at_percent = optional(number, 80)
    s3_request_metrics      = optional(bool, false)
    canary_minutes          = optional(number, 0)
  })
  default = {}

  validation {
    condition     = alltrue([for percent in [var.alarms.failure_percent, var.alarms.capacity_percent, var.alarms.memory_percent] : percent > 0 && percent <= 100])
    error_message = "alarms: failure_percent, capacity_percent and memory_percent must be above 0 and at most 100."
  }

  validation {
    condition     = contains(range(1, 25), var.alarms.stalled_hours)
    error_message = "alarms: stalled_hours must be a whole number, 1 to 24: CloudWatch looks back one day."
  }

  validation {
    condition     = var.alarms.canary_minutes == 0 || var.alarms.canary_minutes >= 5
    error_message = "alarms: canary_minutes must be 5 or more, or 0 for no canary."
  }
}
