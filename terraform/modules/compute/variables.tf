variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "region" {
  description = "AWS region, for the containers' logs."
  type        = string
}

variable "compute" {
  description = "FARGATE, EC2 or EKS."
  type        = string
}

variable "architecture" {
  description = "X86_64 or ARM64."
  type        = string
}

variable "ec2" {
  description = "The root's variable of the same name, as far as it is not by kind."
  type = object({
    disk_throughput_mibps = optional(number)
    disk_iops             = optional(number)
    image_refresh         = optional(string)
  })
}

variable "eks" {
  description = "The root's variable of the same name."
  type = object({
    cluster_arn  = string
    namespace    = string
    access_entry = bool
  })
}

variable "service_role_arn" {
  description = "Role of AWS Batch. Null: its service-linked role, which AWS makes at the first use, and which allows changes in place."
  type        = string
  default     = null
}

variable "shares" {
  description = "The root's variable of the same name, or null for queues without shares."
  type = object({
    weights          = map(number)
    decay_seconds    = number
    reserved_percent = number
  })
}

variable "spot_fallback" {
  description = "Whether work that Spot takes away as often as `attempts` say is done on on-demand capacity."
  type        = bool
}

variable "kinds" {
  description = "What the jobs of each kind are."
  type = map(object({
    job             = string
    image           = string
    vcpus           = number
    memory_mib      = number
    disk_gib        = number
    timeout_seconds = number
    time_factor     = number
    gpus            = number
    in_parts        = bool
    attempts        = number
    spot            = bool
    max_vcpus       = number

    instance_types    = list(string)
    instance_disk_gib = number
  }))
}

variable "repository_arns" {
  description = "Repository of a kind's image."
  type        = map(string)
}

variable "environment" {
  description = "Environment of the jobs: exactly the names that they read."
  type        = map(string)
}

variable "engine_actions" {
  description = "What jobs of a kind may ask of managed engines; kinds that ask nothing may be absent."
  type        = map(list(string))
  default     = {}
}

variable "media_convert" {
  description = "Whether jobs may hand videos over to AWS Elemental MediaConvert, and by which queue; null: not."
  type        = object({ queue = optional(string) })
  default     = null
}

variable "scratch_folder" {
  description = "Where the jobs' scratch volume is mounted; the images declare the same folder as a volume of the jobs' user."
  type        = string
}

variable "input_bucket" {
  description = "The bucket of the uploads."
  type        = object({ name = string, arn = string })
}

variable "output_bucket" {
  description = "The bucket of the results."
  type        = object({ name = string, arn = string })
}

variable "work_bucket" {
  description = "The bucket of the lists of packed jobs."
  type        = object({ name = string, arn = string })
}

variable "topic_arn" {
  description = "SNS_NOTIF."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the jobs."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of the jobs."
  type        = string
}

variable "public_addresses" {
  description = "Whether a job gets a public address."
  type        = bool
}

variable "log_retention_days" {
  description = "Days that the jobs' logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Customer key, or null."
  type        = string
}

variable "vpc_id" {
  description = "The VPC that the subnets are in."
  type        = string
}

variable "tags" {
  description = "Tags of the instances and their disks: with the tag by which the budget finds them."
  type        = map(string)
}

variable "iam" {
  description = "First part of the roles' names, their path and their permissions boundary, and services whose own roles are made first."
  type = object({
    prefix                   = string
    path                     = string
    permissions_boundary_arn = optional(string)
    service_linked_roles     = list(string)
  })
}
