variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "own_bus" {
  description = "Whether the events have a bus of their own."
  type        = bool
}

variable "bus" {
  description = "Name of the bus that exists, if it is not the installation's own."
  type        = string
  default     = null
}

variable "webhook" {
  description = "The root's upload_events.webhook."
  type        = object({ url = string, header = string, states = list(string), most_per_second = number })
}

variable "webhook_secret" {
  description = "What the webhook's header holds."
  type        = string
  sensitive   = true
}

variable "kms_key_arn" {
  description = "Customer key for the queue of what the webhook did not take, or null."
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
