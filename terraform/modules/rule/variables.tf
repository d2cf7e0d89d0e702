variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "rule_name" {
  description = "The rest of the rule's name: which events it is for."
  type        = string
}

variable "description" {
  description = "Which events it is for, in words."
  type        = string
}

variable "pattern" {
  description = "Which events it is for, in EventBridge's pattern language; null for a schedule."
  type        = any
  default     = null
}

variable "schedule" {
  description = "When it comes, such as `rate(10 minutes)`; null for events."
  type        = string
  default     = null

  validation {
    condition     = (var.schedule == null) != (var.pattern == null)
    error_message = "A rule has a pattern or a schedule."
  }
}

variable "target_name" {
  description = "What the target is called in the rule."
  type        = string
}

variable "target_arn" {
  description = "Where the events go."
  type        = string
}

variable "function_name" {
  description = "The function that the target is, which the rule is then allowed to call; null where it is none."
  type        = string
  default     = null
}

variable "undelivered_queue_arn" {
  description = "Queue for events that could not be delivered."
  type        = string
}
