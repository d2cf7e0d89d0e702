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
    cidr            = string
    zones           = number
    private         = bool
    flow_logs       = bool
    vpc_id          = optional(string)
    subnet_ids      = list(string)
    route_table_ids = list(string)
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
