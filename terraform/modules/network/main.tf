# A network for the jobs: nothing may connect in, and bytes to and from S3 never pass a NAT gateway, which at 5 TB a day would
# cost about 6,750 US dollars a month for reads alone. Into a VPC that exists nothing is put but a security group.

data "aws_availability_zones" "available" {
  # checkov:skip=CKV_AWS_394:Subnets are keyed by zone and only the first network.zones of the sorted names are used, so a new zone changes nothing that is there.
  state = "available"

  # No local or wavelength zones, which have neither Fargate nor most instance types.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  exclude_zone_ids = var.network.exclude_zone_ids
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  own_vpc   = var.network.vpc_id == null
  is_closed = local.own_vpc && var.network.private

  vpc_id = local.own_vpc ? aws_vpc.jobs["own"].id : var.network.vpc_id

  zones = local.own_vpc ? slice(
    sort(data.aws_availability_zones.available.names), 0,
    min(var.network.zones, length(data.aws_availability_zones.available.names)),
  ) : []

  # /20 each of a /16: 4,091 addresses a zone, one for each job that runs.
  subnets = { for index, zone in local.zones : zone => cidrsubnet(var.network.cidr, 4, index) }

  subnet_ids      = local.own_vpc ? [for zone in local.zones : aws_subnet.jobs[zone].id] : var.network.subnet_ids
  route_table_ids = local.own_vpc ? [aws_route_table.jobs["own"].id] : var.network.route_table_ids

  # What a job without a public address has to reach besides S3.
  interface_services = local.is_closed ? toset(concat(
    ["ecr.api", "ecr.dkr", "logs", "sns"],
    var.engines,
    var.container_instances ? ["ecs", "ecs-agent", "ecs-telemetry"] : [],
  )) : toset([])

  # Without it, the bytes of a network of one's own would take the way over the internet or a NAT gateway. In a VPC that exists,
  # one is made only if it was asked for: a route table takes one endpoint for S3, and others may use it.
  gateway_policies = local.own_vpc ? { s3 = jsonencode(local.s3_endpoint_policy) } : (
    var.network.gateway_endpoint ? { s3 = null } : {}
  )

  # Through the endpoint only this account's data can be reached, and the layers of container images. With private = true that
  # is all of S3 that jobs reach: one that is taken over cannot carry data away to somebody else's bucket. With public addresses
  # it can over the internet, to another region's S3 for example.
  s3_endpoint_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "BucketsOfThisAccount"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:*"
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceAccount" = data.aws_caller_identity.current.account_id } }
      },
      {
        Sid       = "LayersOfContainerImages"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = "arn:${data.aws_partition.current.partition}:s3:::prod-${var.region}-starport-layer-bucket/*"
      },
    ]
  }
}

resource "aws_vpc" "jobs" {
  for_each = local.own_vpc ? toset(["own"]) : toset([])

  # checkov:skip=CKV2_AWS_11:Flow logs are by variable (network.flow_logs): at 5 TB a day they cost more than they tell.
  cidr_block           = var.network.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Closed: whoever forgets to name a security group gets one that lets nothing through.
resource "aws_default_security_group" "closed" {
  for_each = aws_vpc.jobs

  vpc_id = each.value.id

  tags = { Name = "${var.name}-closed" }
}

resource "aws_subnet" "jobs" {
  for_each = local.subnets

  # checkov:skip=CKV_AWS_130:A public address for each job costs less than a NAT gateway, and nothing may connect in; network.private = true takes them away.
  vpc_id                  = aws_vpc.jobs["own"].id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = !var.network.private

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_route_table" "jobs" {
  for_each = aws_vpc.jobs

  vpc_id = each.value.id

  tags = { Name = var.name }
}

resource "aws_route_table_association" "jobs" {
  for_each = aws_subnet.jobs

  subnet_id      = each.value.id
  route_table_id = aws_route_table.jobs["own"].id
}

resource "aws_internet_gateway" "jobs" {
  for_each = var.network.private ? {} : aws_vpc.jobs

  vpc_id = each.value.id

  tags = { Name = var.name }
}

resource "aws_route" "internet" {
  for_each = aws_internet_gateway.jobs

  route_table_id         = aws_route_table.jobs["own"].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = each.value.id
}

resource "aws_security_group" "jobs" {
  # checkov:skip=CKV2_AWS_5:It belongs to the compute environments, which are in another module.
  name_prefix = "${var.name}-jobs-"
  description = "Jobs: HTTPS out, nothing in"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-jobs" }

  lifecycle {
    create_before_destroy = true
  }
}

# With private = true the jobs reach S3 and the interface endpoints, and nothing else.
resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = local.is_closed ? toset([]) : toset(["anywhere"])

  security_group_id = aws_security_group.jobs.id
  description       = "AWS APIs"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = local.is_closed ? aws_vpc_endpoint.gateway : {}

  security_group_id = aws_security_group.jobs.id
  description       = "S3 by its gateway endpoint"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = each.value.prefix_list_id
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each = local.is_closed ? aws_security_group.endpoints : {}

  security_group_id            = aws_security_group.jobs.id
  description                  = "AWS APIs by their interface endpoints"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = each.value.id
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = local.gateway_policies

  vpc_id            = local.vpc_id
  service_name      = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = local.route_table_ids
  policy            = each.value

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_security_group" "endpoints" {
  # checkov:skip=CKV2_AWS_5:It belongs to the interface endpoints below, where there are any.
  for_each = length(local.interface_services) > 0 ? toset(["interface"]) : toset([])

  name_prefix = "${var.name}-endpoints-"
  description = "Interface endpoints: HTTPS from the jobs"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-endpoints" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = aws_security_group.endpoints

  security_group_id            = each.value.id
  description                  = "The jobs"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.jobs.id
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_services

  vpc_id              = local.vpc_id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = local.subnet_ids
  security_group_ids  = [aws_security_group.endpoints["interface"].id]
  private_dns_enabled = true

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_flow_log" "jobs" {
  for_each = var.network.flow_logs ? aws_vpc.jobs : {}

  vpc_id          = each.value.id
  traffic_type    = "REJECT"
  log_destination = aws_cloudwatch_log_group.flow["own"].arn
  iam_role_arn    = aws_iam_role.flow["own"].arn
}

resource "aws_cloudwatch_log_group" "flow" {
  for_each = var.network.flow_logs ? aws_vpc.jobs : {}

  # checkov:skip=CKV_AWS_158:Encrypted with a key that AWS owns unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_338:The retention is the user's choice (log_retention_days).
  name              = "/${var.name}/network"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "flow" {
  for_each = var.network.flow_logs ? aws_vpc.jobs : {}

  name                 = "${var.iam.prefix}-flow-logs"
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "flow" {
  for_each = aws_iam_role.flow

  name = "write-flow-logs"
  role = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = "${aws_cloudwatch_log_group.flow["own"].arn}:*"
    }]
  })
}
