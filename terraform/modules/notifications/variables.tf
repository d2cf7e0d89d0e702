variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "kms_key_arn" {
  description = "Customer key for the messages, or null."
  type        = string
}

variable "subscriptions" {
  description = "The root's notification_subscriptions."
  type = list(object({
    protocol = string
    endpoint = string
    filter   = map(list(string))
  }))
}

variable "alarm_emails" {
  description = "E-mail addresses that alarms go to."
  type        = list(string)
}
