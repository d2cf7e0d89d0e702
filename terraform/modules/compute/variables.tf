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

variable "spot" {
  description = "Whether Spot capacity comes first, with on-demand capacity behind it."
  type        = bool
}

variable "max_vcpus" {
  description = "The most vCPUs at once, of each compute environment."
  type        = number
}

variable "architecture" {
  description = "X86_64 or ARM64."
  type        = string
}

variable "ec2" {
  description = "The root's variable of the same name."
  type = object({
    instance_types     = list(string)
    gpu_instance_types = list(string)
    disk_gib           = number
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
