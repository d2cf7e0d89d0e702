variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "jobs" {
  description = "Name of the job, which is the image's name, by kind."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Customer key for the images, or null."
  type        = string
}

variable "force_destroy" {
  description = "Whether destroying a repository deletes its images."
  type        = bool
}
