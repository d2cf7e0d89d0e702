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
  description = "Environment of dispatch."
  type        = map(string)
}

variable "timeout_seconds" {
  description = "Seconds until a call is stopped."
  type        = number
}

variable "batching" {
  description = "The root's variable `dispatch`."
  type = object({
    batch_size      = number
    window_seconds  = number
    max_concurrency = number
  })
}

variable "queue_arns" {
  description = "Queue of requests by kind."
  type        = map(string)
}

variable "dead_letter_queue_arns" {
  description = "Queue of messages that could not be dispatched, by kind."
  type        = map(string)
}

variable "job_queue_arns" {
  description = "Batch job queue by kind."
  type        = map(string)
}

variable "job_definition_arns" {
  description = "ARN of the Batch job definition by kind, without its revision."
  type        = map(string)
}

variable "input_table_arn" {
  description = "DYNAMODB_INPUT."
  type        = string
}

variable "work_bucket" {
  description = "The bucket of the lists of packed jobs."
  type        = object({ name = string, arn = string })
}

variable "topic_arn" {
  description = "SNS_NOTIF."
  type        = string
}
