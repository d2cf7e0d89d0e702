"""Prints, as JSON, the name of everything that a server of AWS's APIs has: of the services and kinds of thing that
terraform/ makes. What a new account has by itself (the default VPC, AWS's own policies) is in it, too."""

import json

import boto3

# service, request, list in the answer, name in an item (nothing: the item itself)
LISTS = [
    ("batch", "describe_compute_environments", "computeEnvironments", "computeEnvironmentName"),
    ("batch", "describe_job_queues", "jobQueues", "jobQueueName"),
    ("cloudfront", "list_distributions", "DistributionList.Items", "Id"),
    ("cloudfront", "list_origin_access_controls", "OriginAccessControlList.Items", "Name"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("dynamodb", "list_tables", "TableNames", None),
    ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("ecr", "describe_repositories", "repositories", "repositoryName"),
    ("events", "list_rules", "Rules", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("logs", "describe_metric_filters", "metricFilters", "filterName"),
    ("logs", "describe_resource_policies", "resourcePolicies", "policyName"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", None),
]


def listed(service, request, path, name):
    client = boto3.client(service)
    pages = client.get_paginator(request).paginate() if client.can_paginate(request) else [getattr(client, request)()]
    items = []
    for page in pages:
        for step in path.split("."):
            page = page.get(step, [])
        items += page
    # What was deleted is told of for a while.
    return sorted(item[name] if name else item for item in items if name is None or item.get("State") != "deleted")


inventory = {f"{service} {path}": listed(service, request, path, name) for service, request, path, name in LISTS}
# A definition that was taken away stays readable, as INACTIVE.
definitions = boto3.client("batch").describe_job_definitions()["jobDefinitions"]
inventory["batch jobDefinitions"] = sorted({d["jobDefinitionName"] for d in definitions if d["status"] == "ACTIVE"})
print(json.dumps(inventory))
