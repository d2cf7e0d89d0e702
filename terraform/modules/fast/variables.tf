variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "region" {
  description = "AWS region of everything."
  type        = string
}

variable "kinds" {
  description = "The kinds that have a fast path: their job, their image and its repository, and the ordinary queue with the variable by which programs know it."
  type = map(object({
    job            = string
    image          = string
    repository     = string
    repository_arn = string
    queue_variable = string
    ordinary_queue = object({ url = string, arn = string })
  }))
}

variable "settings" {
  description = "The variable fast_path of the pipeline."
  type = object({
    by              = string
    memory_mib      = number
    disk_mib        = number
    timeout_seconds = number
    max_concurrency = number
    workers = object({
      min        = number
      max        = number
      vcpus      = number
      memory_mib = number
      spot       = bool
    })
  })
}

variable "architecture" {
  description = "Processor of the images: x86_64 or arm64."
  type        = string
}

variable "environment" {
  description = "Environment variables of the programs, without the queues'."
  type        = map(string)
}

variable "scratch_folder" {
  description = "Where the images have their volume for temporary files."
  type        = string
}

variable "input_bucket" {
  description = "S3_INPUT."
  type        = object({ arn = string })
}

variable "output_bucket" {
  description = "S3_OUTPUT."
  type        = object({ arn = string })
}

variable "topic_arn" {
  description = "SNS_NOTIF."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of workers."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of workers."
  type        = string
}

variable "public_addresses" {
  description = "Whether workers get a public address."
  type        = bool
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Customer key for messages, logs and environments, or null."
  type        = string
}

variable "iam" {
  description = "First part of the roles' names, their path and their permissions boundary."
  type = object({
    prefix                   = string
    path                     = string
    permissions_boundary_arn = optional(string)
  })
}
