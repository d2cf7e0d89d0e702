variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "kms_key_arn" {
  description = "Customer key for the records, or null for the one that DynamoDB owns."
  type        = string
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the tables."
  type        = bool
}

variable "capacity" {
  description = "Whether capacity is provisioned, between which units a second it follows the load, and at which part of it in use."
  type = object({
    provisioned    = bool
    min_read       = number
    max_read       = number
    min_write      = number
    max_write      = number
    target_percent = number
  })
}
