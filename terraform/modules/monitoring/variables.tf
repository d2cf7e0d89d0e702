variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "region" {
  description = "AWS region of the dashboard's metrics."
  type        = string
}

variable "kinds" {
  description = "Name of the kind's queue of requests and of its queue of dead letters, its job queue, and the log of its jobs."
  type = map(object({
    queue_name        = string
    dead_letters_name = string
    job_queue_arn     = string
    log_group_name    = string
  }))
}

variable "events_queue_name" {
  description = "The queue in which events wait for output."
  type        = string
}

variable "undelivered_queue_names" {
  description = "Names of the queues of events that could not be delivered."
  type        = list(string)
}

variable "undelivered_queue_arn" {
  description = "Queue for events of jobs that could not be written to their log."
  type        = string
}

variable "function_names" {
  description = "Names of the functions, by classify, dispatch and output."
  type        = map(string)
}

variable "fast_queue_names" {
  description = "Names of the fast queues, by kind; empty without a fast path."
  type        = map(string)
  default     = {}
}

variable "fast_function_names" {
  description = "Names of the fast path's functions, by kind; empty where there are none."
  type        = map(string)
  default     = {}
}

variable "table_names" {
  description = "Names of the tables, by input and output."
  type        = map(string)
}

variable "bucket_names" {
  description = "Names of the buckets, by input and output."
  type        = map(string)
}

variable "rule_names" {
  description = "The rules of the event bus: uploads, results and job-states."
  type        = map(string)
}

variable "index_names" {
  description = "Names of the indexes of each table, by input and output."
  type        = map(list(string))
}

variable "output_log_group_name" {
  description = "Log of output, which prints how each upload ended."
  type        = string
}

variable "has_budget" {
  description = "Whether dispatch is paused above a bound of spend."
  type        = bool
}

variable "has_webhook" {
  description = "Whether there is a webhook; known when planning, unlike its queue."
  type        = bool
}

variable "unheard_queue_name" {
  description = "The queue of ends that the webhook did not take, or null."
  type        = string
}

variable "namespace" {
  description = "The namespace of this installation's metrics."
  type        = string
}

variable "compute" {
  description = "FARGATE, EC2 or EKS."
  type        = string
}

variable "max_vcpus" {
  description = "The most vCPUs at once of all kinds together, Spot and on-demand each."
  type        = number
}

variable "s3_request_metrics" {
  description = "Whether S3 counts the requests of the buckets, which costs."
  type        = bool
}

variable "distribution_id" {
  description = "The CloudFront distribution, or null."
  type        = string
}

variable "topic_arn" {
  description = "The topic that alarms go to."
  type        = string
}

variable "thresholds" {
  description = "The root's variable `alarms`."
  type = object({
    turnaround_seconds      = number
    stalled_hours           = number
    capacity_percent        = number
    memory_percent          = number
    lambda_concurrency      = number
    queue_age_seconds       = number
    failure_percent         = number
    monthly_budget_usd      = number
    budget_alarm_at_percent = number
    emails                  = list(string)
  })
}

variable "log_retention_days" {
  description = "Days that the events of jobs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Customer key for the events' log, or null."
  type        = string
}

variable "delivered" {
  description = "Whether there is a distribution; known when planning, unlike its id."
  type        = bool
}
