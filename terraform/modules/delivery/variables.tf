variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "global_name" {
  description = "First part of the names that an account has once for all regions."
  type        = string
}

variable "cors_allowed_origins" {
  description = "Web origins that may read results."
  type        = list(string)
}

variable "bucket" {
  description = "The bucket of the results."
  type        = object({ name = string, arn = string, host_name = string })
}

variable "log_bucket" {
  description = "The bucket of access logs, or null."
  type        = object({ name = string, arn = string, host_name = string })
}

variable "delivery" {
  description = "The root's variable of the same name."
  type = object({
    price_class         = string
    host_names          = list(string)
    certificate_arn     = optional(string)
    public              = bool
    public_paths        = list(string)
    signing_public_keys = map(string)
    max_age_seconds     = number
    access_logs         = bool
    web_acl_arn         = optional(string)
  })
}
