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
  description = "Environment of output."
  type        = map(string)
}

variable "output_bucket" {
  description = "The bucket of the results."
  type        = object({ name = string, arn = string })
}

variable "removals_by_bus" {
  description = "Whether EventBridge tells of what is removed from the bucket of results, as one does that exists; else it sends messages to the queue."
  type        = bool
}

variable "account_id" {
  description = "The account that owns the bucket of results."
  type        = string
}

variable "work_bucket" {
  description = "The bucket of the lists of packed jobs."
  type        = object({ name = string, arn = string })
}

variable "table_arns" {
  description = "DYNAMODB_INPUT and DYNAMODB_OUTPUT, by `input` and `output`."
  type        = map(string)
}

variable "topic_arn" {
  description = "SNS_NOTIF."
  type        = string
}

variable "job_queue_arns" {
  description = "Batch job queues whose state changes are recorded, by kind."
  type        = map(string)
}

variable "undelivered_queue_arn" {
  description = "Queue for events that could not be delivered or processed."
  type        = string
}

variable "deletions_of" {
  description = "Name of the bucket of uploads if what was made from an upload is deleted with it, or null."
  type        = string
}

variable "fallback_queue_arns" {
  description = "Queues of requests of the kinds whose work falls back to on-demand capacity."
  type        = list(string)
}

variable "has_budget" {
  description = "Whether dispatch is paused above a bound of spend."
  type        = bool
}

variable "mapping_arns" {
  description = "The event source mappings that deliver requests to dispatch."
  type        = list(string)
}

variable "event_bus_arn" {
  description = "The bus that is told of the ends of uploads, or null."
  type        = string
}

variable "reconcile_minutes" {
  description = "Minutes between two looks for uploads whose end was not told."
  type        = number
}

variable "batching" {
  description = "Events that one call of output takes at most, how long it waits for them, and how many calls there are at once."
  type        = object({ batch_size = number, window_seconds = number, max_concurrency = number })
}

variable "kms_key_arn" {
  description = "Customer key for the queue of events, or null."
  type        = string
}
