variable "name" {
  description = "First part of every resource's name."
  type        = string
}

variable "region" {
  description = "AWS region, for the names of the endpoint services."
  type        = string
}

variable "network" {
  description = "The root's variable of the same name."
  type = object({
    cidr             = string
    zones            = number
    exclude_zone_ids = list(string)
    private          = bool
    flow_logs        = bool
    vpc_id           = optional(string)
    subnet_ids       = list(string)
    route_table_ids  = list(string)
    gateway_endpoint = bool
    assign_public_ip = bool
  })
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Customer key for the flow logs, or null."
  type        = string
}

variable "container_instances" {
  description = "Whether jobs run on EC2 instances, whose ECS agents have to reach ECS too."
  type        = bool
}

variable "engines" {
  description = "Managed engines that jobs ask: a job without a public address reaches each by an endpoint of its own."
  type        = list(string)
  default     = []
}

variable "iam" {
  description = "First part of the role's name, its path and its permissions boundary."
  type = object({
    prefix                   = string
    path                     = string
    permissions_boundary_arn = optional(string)
  })
}
