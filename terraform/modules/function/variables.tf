variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "role_name" {
  description = "The function's role in the flow: classify, dispatch or output."
  type        = string
}

variable "zip" {
  description = "Path of the function's zip."
  type        = string
}

variable "architecture" {
  description = "x86_64 or arm64."
  type        = string
}

variable "memory_mib" {
  description = "Memory; processor time comes with it (1,769 MiB are one vCPU)."
  type        = number
}

variable "timeout_seconds" {
  description = "Seconds until a call is stopped."
  type        = number
}

variable "environment" {
  description = "Environment variables: exactly the names that the program reads."
  type        = map(string)
}

variable "statements" {
  description = "Statements of the function's policy, besides writing its log."
  type        = any
}

variable "reserved_concurrency" {
  description = "Calls at once that are reserved for the function, or null."
  type        = number
}

variable "asynchronous" {
  description = "Whether the function is called with events (and not by a queue, which keeps its messages itself)."
  type        = bool
}

variable "undelivered_queue_arn" {
  description = "Queue for events whose processing failed even after the retries; null where the function is not asynchronous."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Customer key for the log and the environment, or null."
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
