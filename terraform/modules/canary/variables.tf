variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "minutes" {
  description = "How often the picture is uploaded."
  type        = number
}

variable "input_bucket" {
  description = "The bucket of the uploads."
  type        = object({ name = string, arn = string })
}

variable "kms_key_arn" {
  description = "Customer key of the bucket, or null."
  type        = string
}

variable "undelivered_queue_arn" {
  description = "Queue for uploads that could not be made."
  type        = string
}

variable "iam" {
  description = "First part of the role's name, its path and its permissions boundary."
  type = object({
    prefix                   = string
    path                     = string
    permissions_boundary_arn = optional(string)
  })
}
