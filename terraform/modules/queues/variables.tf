variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "queues" {
  description = "Seconds that a received message stays invisible, by the queue's name."
  type        = map(object({ visibility_seconds = number }))
}

variable "undelivered" {
  description = "Names of further queues that only take what could not be delivered elsewhere, with the ARN patterns of who may send to them."
  type        = map(list(string))
}

variable "kms_key_arn" {
  description = "Customer key for the messages, or null for SQS's own."
  type        = string
}

variable "dead_letter_after_receives" {
  description = "How often a message is received before it moves to the dead-letter queue."
  type        = number
}
