variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "region" {
  description = "AWS region, for the buckets' names."
  type        = string
}

variable "kms_key_arn" {
  description = "Customer key for the objects, or null for S3's own."
  type        = string
}

variable "force_destroy" {
  description = "Whether destroying a bucket deletes its objects."
  type        = bool
}

variable "lifecycles" {
  description = "Transition and expiry of the buckets `input` and `output`, in days (0: never)."
  type = map(object({
    transition_days  = number
    transition_class = string
    expiry_days      = number
    noncurrent_days  = number
  }))
}

variable "cors_allowed_origins" {
  description = "Web origins that may upload with presigned URLs and read results."
  type        = list(string)
}

variable "distribution_arn" {
  description = "The CloudFront distribution that may read the results, or null."
  type        = string
}

variable "access_logs" {
  description = "Whether there is a bucket for access logs, and the buckets log to it."
  type        = bool
}

variable "delivered" {
  description = "Whether there is a distribution; known when planning, unlike its ARN."
  type        = bool
}

variable "existing" {
  description = "Names of buckets that exist, by input and output; null for those that are made."
  type        = map(string)
}

variable "removals_queue_arn" {
  description = "The queue that is told what is removed from the bucket of results, whose policy lets S3 send to it."
  type        = string
}
