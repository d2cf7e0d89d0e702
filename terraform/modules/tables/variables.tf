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
