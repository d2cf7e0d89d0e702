variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "function" {
  description = "What every function is given: zip, architecture, reserved concurrency, log retention, key, and how roles are called and bounded."
  type = object({
    zip                  = string
    architecture         = string
    reserved_concurrency = optional(number)
    log_retention_days   = number
    kms_key_arn          = optional(string)
    iam = object({
      prefix                   = string
      path                     = string
      permissions_boundary_arn = optional(string)
    })
  })
}

variable "environment" {
  description = "Environment of classify."
  type        = map(string)
}

variable "input_bucket" {
  description = "The bucket of the uploads."
  type        = object({ name = string, arn = string })
}

variable "input_table_arn" {
  description = "DYNAMODB_INPUT."
  type        = string
}

variable "queue_arns" {
  description = "Queue of requests by kind."
  type        = map(string)
}

variable "topic_arn" {
  description = "SNS_NOTIF."
  type        = string
}

variable "undelivered_queue_arn" {
  description = "Queue for uploads whose event could not be delivered or processed."
  type        = string
}

variable "reconcile_minutes" {
  description = "Minutes between two looks for uploads that nobody told of."
  type        = number
}
