# The network of the jobs.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "media"
  region              = "us-east-1"
  container_instances = false
  log_retention_days  = 30
  kms_key_arn         = null
  network             = { cidr = "10.64.0.0/16", zones = 3, exclude_zone_ids = ["usw1-az2"], private = false, flow_logs = false, subnet_ids = [], route_table_ids = [], gateway_endpoint = false, assign_public_ip = false }
  iam                 = { prefix = "media-us-east-1", path = "/" }
}

run "bytes_to_s3_never_pass_a_nat_gateway" {
  module {
    source = "./modules/network"
  }

  assert {
    condition     = { for service, endpoint in aws_vpc_endpoint.gateway : service => endpoint.vpc_endpoint_type } == { s3 = "Gateway" }
    error_message = "S3 has a gateway endpoint, which costs nothing."
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.gateway["s3"].policy).Statement[0].Condition.StringEquals["aws:ResourceAccount"] == "123456789012"
    error_message = "Through the endpoint only this account's buckets can be reached."
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.jobs : zone => subnet.cidr_block } == { us-east-1a = "10.64.0.0/20", us-east-1b = "10.64.16.0/20", us-east-1c = "10.64.32.0/20" }
    error_message = "Three zones, a subnet each."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.https["anywhere"].from_port == 443 && aws_vpc_security_group_egress_rule.https["anywhere"].to_port == 443 && output.public_addresses
    error_message = "Jobs get HTTPS out."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0
    error_message = "Interface endpoints cost by the hour, so they are asked for."
  }
}

run "private_subnets_reach_aws_by_endpoints" {
  module {
    source = "./modules/network"
  }

  variables {
    network = { cidr = "10.64.0.0/16", zones = 2, exclude_zone_ids = [], private = true, flow_logs = true, subnet_ids = [], route_table_ids = [], gateway_endpoint = false, assign_public_ip = false }
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "logs", "sns"] && length(aws_internet_gateway.jobs) == 0 && !output.public_addresses
    error_message = "Without the internet, jobs need the registry, logs and notices by endpoints."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.https) == 0 && length(aws_vpc_security_group_egress_rule.s3) == 1 && length(aws_vpc_security_group_egress_rule.endpoints) == 1
    error_message = "They reach the endpoints, and nothing else."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.jobs : !subnet.map_public_ip_on_launch]) && length(aws_flow_log.jobs) == 1
    error_message = "No public addresses; flow logs were asked for."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.flow : group.retention_in_days == 30])
    error_message = "The log of the flow logs has a retention."
  }
}

run "a_vpc_that_exists_is_used_as_it_is" {
  module {
    source = "./modules/network"
  }

  variables {
    network = { cidr = "10.64.0.0/16", zones = 3, exclude_zone_ids = [], private = false, flow_logs = false, vpc_id = "vpc-1", subnet_ids = ["subnet-1"], route_table_ids = [], gateway_endpoint = false, assign_public_ip = true }
  }

  assert {
    condition     = length(aws_vpc.jobs) == 0 && length(aws_vpc_endpoint.gateway) == 0 && length(aws_vpc_endpoint.interface) == 0 && length(aws_route_table.jobs) == 0
    error_message = "Nothing is made in it but the security group."
  }

  assert {
    condition     = output.subnet_ids == tolist(["subnet-1"]) && output.vpc_id == "vpc-1" && output.public_addresses
    error_message = "Jobs run in its subnets, with a public address if that was asked for."
  }
}

run "an_endpoint_in_a_vpc_that_exists_is_asked_for_and_lets_everybody_through" {
  module {
    source = "./modules/network"
  }

  variables {
    network = { cidr = "10.64.0.0/16", zones = 3, exclude_zone_ids = [], private = false, flow_logs = false, vpc_id = "vpc-1", subnet_ids = ["subnet-1"], route_table_ids = ["rtb-1"], gateway_endpoint = true, assign_public_ip = false }
  }

  assert {
    condition     = { for service, endpoint in aws_vpc_endpoint.gateway : service => endpoint.route_table_ids } == { s3 = toset(["rtb-1"]) } && !output.public_addresses
    error_message = "The endpoint is for the route tables given."
  }

  assert {
    condition     = !strcontains(try(coalesce(aws_vpc_endpoint.gateway["s3"].policy), ""), "ResourceAccount")
    error_message = "Others use the endpoint, too: its policy is AWS's own."
  }
}

run "jobs_without_a_public_address_reach_the_engines" {
  module {
    source = "./modules/network"
  }

  variables {
    network = { cidr = "10.64.0.0/16", zones = 2, exclude_zone_ids = [], private = true, flow_logs = false, vpc_id = null, subnet_ids = [], route_table_ids = [], gateway_endpoint = false, assign_public_ip = false }
    engines = ["rekognition", "textract"]
  }

  assert {
    condition     = alltrue([for service in ["rekognition", "textract"] : contains(keys(aws_vpc_endpoint.interface), service)])
    error_message = "Each engine has an endpoint."
  }
}
