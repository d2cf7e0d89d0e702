# Where jobs run, what they are and what they may do.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "media"
  region             = "us-east-1"
  compute            = "FARGATE"
  architecture       = "X86_64"
  ec2                = { image_refresh = null }
  tags               = { Project = "media" }
  vpc_id             = "vpc-1"
  iam                = { prefix = "media-us-east-1", path = "/", service_linked_roles = [] }
  eks                = null
  environment        = { S3_OUTPUT = "s3://outputs", SNS_NOTIF = "arn:aws:sns:us-east-1:123456789012:jobs" }
  scratch_folder     = "/tmp"
  input_bucket       = { name = "uploads", arn = "arn:aws:s3:::uploads" }
  output_bucket      = { name = "outputs", arn = "arn:aws:s3:::outputs" }
  work_bucket        = { name = "lists", arn = "arn:aws:s3:::lists" }
  topic_arn          = "arn:aws:sns:us-east-1:123456789012:jobs"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_id  = "sg-1"
  public_addresses   = true
  log_retention_days = 30
  kms_key_arn        = null

  repository_arns = {
    image = "arn:aws:ecr:us-east-1:123456789012:repository/media/image-job"
    video = "arn:aws:ecr:us-east-1:123456789012:repository/media/video-job"
  }

  spot_fallback = true
  shares        = null

  kinds = {
    image = { job = "image-job", image = "registry/image-job:1", vcpus = 2, memory_mib = 4096, disk_gib = 21, timeout_seconds = 1800, time_factor = 1, gpus = 0, in_parts = false, attempts = 5, spot = true, max_vcpus = 64, instance_types = ["c7i"], instance_disk_gib = 100 }
    video = { job = "video-job", image = "registry/video-job:1", vcpus = 4, memory_mib = 8192, disk_gib = 200, timeout_seconds = 14400, time_factor = 4, gpus = 0, in_parts = true, attempts = 10, spot = false, max_vcpus = 32, instance_types = ["c7i"], instance_disk_gib = 500 }
  }
}

run "media_convert_gets_a_role_that_only_it_can_take_on" {
  module {
    source = "./modules/compute"
  }

  variables {
    media_convert = { queue = "films" }
  }

  assert {
    condition     = jsondecode(aws_iam_role.media_convert["role"].assume_role_policy).Statement[0].Principal.Service == "mediaconvert.amazonaws.com"
    error_message = "MediaConvert takes the role on, and nobody else."
  }

  assert {
    condition     = sort(flatten([for statement in jsondecode(aws_iam_role_policy.media_convert["role"].policy).Statement : statement.Resource])) == tolist(["arn:aws:s3:::lists/engine/*", "arn:aws:s3:::uploads/*"])
    error_message = "It reads uploads and writes below engine/ of the work bucket."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.job["video"].policy).Statement : statement.Condition.StringEquals["iam:PassedToService"] if statement.Sid == "HandItsRoleToMediaConvert"] == ["mediaconvert.amazonaws.com"]
    error_message = "A job hands the role to MediaConvert and to nobody else."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.job["image"].policy).Statement : !strcontains(jsonencode(statement), "mediaconvert")])
    error_message = "Only videos are handed over."
  }

  assert {
    condition     = { for variable in jsondecode(aws_batch_job_definition.kind["video"].container_properties).environment : variable.name => variable.value if contains(["ENGINE_STAGING", "MEDIACONVERT_QUEUE"], variable.name) } == { ENGINE_STAGING = "s3://lists/engine", MEDIACONVERT_QUEUE = "films" }
    error_message = "Jobs of videos are told where it writes, and by which queue."
  }
}

run "engines_are_allowed_where_they_are_asked" {
  module {
    source = "./modules/compute"
  }

  variables {
    engine_actions = { image = ["rekognition:DetectLabels"] }
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.job["image"].policy).Statement : statement.Action if contains(flatten([statement.Resource]), "*")] == [["rekognition:DetectLabels"]]
    error_message = "What asks an engine may ask it, and nothing else without a resource."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.job["video"].policy).Statement : !contains(flatten([statement.Resource]), "*")])
    error_message = "Kinds that ask no engine may ask none."
  }
}

run "fargate" {
  module {
    source = "./modules/compute"
  }

  assert {
    condition     = { for kind, queue in aws_batch_job_queue.kind : kind => length(queue.compute_environment_order) } == { image = 2, video = 1 }
    error_message = "Spot comes first, with on-demand behind it, for the kinds that use Spot."
  }

  assert {
    condition     = keys(output.on_demand_job_queues) == ["image"] && length(aws_batch_job_queue.on_demand["image"].compute_environment_order) == 1
    error_message = "What Spot takes away has a queue that Spot has no part in."
  }

  assert {
    condition     = { for environment, this in aws_batch_compute_environment.fargate : environment => this.compute_resources[0].type } == { image-spot = "FARGATE_SPOT", image-on-demand = "FARGATE", video-on-demand = "FARGATE" }
    error_message = "No kind shares its capacity with another."
  }

  assert {
    condition     = { for environment, this in aws_batch_compute_environment.fargate : environment => this.compute_resources[0].max_vcpus } == { image-spot = 64, image-on-demand = 64, video-on-demand = 32 }
    error_message = "Each kind has its own most of vCPUs."
  }

  # crates/contract/src/failure.rs: 64 to 70 are final, 75 is temporary.
  assert {
    condition = alltrue([for definition in aws_batch_job_definition.kind : jsonencode([
      for rule in definition.retry_strategy[0].evaluate_on_exit :
      [rule.action, coalesce(rule.on_exit_code, "-"), coalesce(rule.on_status_reason, "-"), coalesce(rule.on_reason, "-")]
      ]) == jsonencode([
      ["RETRY", "75", "-", "-"],
      ["RETRY", "-", "Your Spot Task was interrupted*", "-"],
      ["RETRY", "-", "Task failed to start*", "-"],
      ["RETRY", "-", "Timeout waiting for network interface provisioning*", "-"],
      ["EXIT", "-", "-", "*"],
    ])])
    error_message = "Exit code 75, Spot's interruption and a container that did not start are tried again, and nothing else; the catch-all comes last."
  }

  assert {
    condition     = { for kind, definition in aws_batch_job_definition.kind : kind => definition.retry_strategy[0].attempts } == { image = 5, video = 10, video-small-disk = 10 }
    error_message = "A kind's jobs are started as often as it says."
  }

  assert {
    condition     = alltrue([for definition in aws_batch_job_definition.kind : slice(jsondecode(definition.container_properties).command, 0, 5) == ["run", "--input", "Ref::input", "--processing-option", "Ref::processingOption"]])
    error_message = "The command must take the parameters input and processingOption."
  }

  assert {
    condition     = { for kind, definition in aws_batch_job_definition.kind : kind => slice(jsondecode(definition.container_properties).command, 5, 7) } == { image = ["--memory-limit", "3584MiB"], video = ["--memory-limit", "7168MiB"], video-small-disk = ["--memory-limit", "7168MiB"] }
    error_message = "An operation may take seven eighths of the container's memory."
  }

  assert {
    condition = alltrue([for definition in aws_batch_job_definition.kind :
      jsondecode(definition.container_properties).readonlyRootFilesystem
      && jsondecode(definition.container_properties).user == "65532:65532"
      && jsondecode(definition.container_properties).mountPoints == [{ sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }]
    ])
    error_message = "A job runs without rights, with one folder that it may write to."
  }

  assert {
    condition     = jsondecode(aws_batch_job_definition.kind["video"].container_properties).ephemeralStorage.sizeInGiB == 200
    error_message = "Videos need the scratch disk that the kinds map gives them."
  }

  assert {
    condition     = { for kind, definition in output.small_disk_definitions : kind => definition.name } == { video = "media-video-small-disk" } && keys(output.job_definitions) == ["image", "video"]
    error_message = "A kind with a large disk has a definition for work that needs little of it, and the others have one that does."
  }

  assert {
    condition = jsondecode(aws_batch_job_definition.kind["video-small-disk"].container_properties) == merge(
      jsondecode(aws_batch_job_definition.kind["video"].container_properties), { ephemeralStorage = { sizeInGiB = 21 } }
    )
    error_message = "The two differ in the disk and in nothing else."
  }

  assert {
    condition     = { for variable in jsondecode(aws_batch_job_definition.kind["image"].container_properties).environment : variable.name => variable.value } == merge({ JOB_TIME_LIMIT = "1440", JOB_PROCESSORS = "2", AWS_REGION = "us-east-1" }, var.environment)
    error_message = "The environment is what the caller gives, a limit that ends an operation before AWS Batch ends the job, and what only Fargate tells by itself: processors and region."
  }

  assert {
    condition     = one([for variable in jsondecode(aws_batch_job_definition.kind["video"].container_properties).environment : variable.value if variable.name == "JOB_TIME_LIMIT"]) == "2880"
    error_message = "A transcode, which may take four times the limit, ends before AWS Batch ends the job."
  }

  assert {
    condition     = alltrue([for definition in aws_batch_job_definition.kind : definition.timeout[0].attempt_duration_seconds >= 60])
    error_message = "Every job has a timeout."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.job : group.retention_in_days == 30])
    error_message = "Every log group has a retention."
  }

  assert {
    condition     = alltrue([for queue in aws_batch_job_queue.kind : length([for action in queue.job_state_time_limit_action : action if action.state == "RUNNABLE" && action.action == "CANCEL"]) == 2])
    error_message = "A job that can never be placed must not block its queue for ever."
  }

  # Least privilege, read from the policies themselves.
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.job : alltrue([for statement in jsondecode(policy.policy).Statement : !contains(flatten([statement.Resource]), "*")])])
    error_message = "A job's role names the resources that it may use."
  }

  assert {
    condition = sort(distinct(flatten([for statement in jsondecode(aws_iam_role_policy.job["image"].policy).Statement : statement.Action]))) == sort([
      "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucket", "sns:Publish",
    ])
    error_message = "A job may read, write results and publish; nothing else."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.job["image"].policy).Statement : !contains(flatten([statement.Resource]), "arn:aws:s3:::uploads/*") || alltrue([for action in flatten([statement.Action]) : startswith(action, "s3:Get")])])
    error_message = "A job must not write to the bucket of the uploads."
  }

  assert {
    condition     = { for kind, policy in aws_iam_role_policy.job : kind => [for statement in jsondecode(policy.policy).Statement : statement.Resource if statement.Sid == "ExchangeParts"] } == { image = [], video = ["arn:aws:s3:::lists/parts/*"] }
    error_message = "Only videos are worked on in parts."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.job["image"].policy).Statement : statement.Resource if contains(flatten([statement.Action]), "s3:GetObject")] == ["arn:aws:s3:::uploads/*", "arn:aws:s3:::lists/lists/*", "arn:aws:s3:::outputs/*/manifest.json"]
    error_message = "Of the results, a job reads manifests alone."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.execution["image"].policy).Statement : statement.Action if contains(flatten([statement.Resource]), "*")] == ["ecr:GetAuthorizationToken"]
    error_message = "Only the login to the registry has no narrower resource."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.execution["image"].policy).Statement : statement.Resource if statement.Sid == "FetchTheImage"] == [[var.repository_arns["image"]]]
    error_message = "A kind starts from its own repository alone."
  }
}

run "shares_are_fair_if_asked" {
  command = plan

  module {
    source = "./modules/compute"
  }

  variables {
    shares = { weights = { team7 = 0.5 }, decay_seconds = 3600, reserved_percent = 10 }
  }

  assert {
    condition     = toset([for queue in aws_batch_job_queue.kind : queue.name]) == toset(["media-image-shared", "media-video-shared"]) && sum([for distribution in aws_batch_scheduling_policy.shares["shares"].fair_share_policy[0].share_distribution : distribution.weight_factor]) == 0.5
    error_message = "Queues with shares are queues of their own."
  }
}

run "roles_are_bounded_and_services_have_theirs" {
  command = plan

  module {
    source = "./modules/compute"
  }

  variables {
    iam = { prefix = "media-us-east-1", path = "/media/", permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary", service_linked_roles = ["batch", "spot"] }
  }

  assert {
    condition     = alltrue([for role in merge(aws_iam_role.job, aws_iam_role.execution) : role.path == "/media/" && role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary" && startswith(role.name, "media-us-east-1-")])
    error_message = "Every role has the path and the boundary, and a name that no other region's installation has."
  }

  assert {
    condition     = { for service, role in aws_iam_service_linked_role.first : service => role.aws_service_name } == { batch = "batch.amazonaws.com", spot = "spot.amazonaws.com" }
    error_message = "Services that were never used get their roles."
  }
}

run "ec2" {
  module {
    source = "./modules/compute"
  }

  variables {
    compute = "EC2"
    ec2     = { image_refresh = "cron(0 3 ? * SUN#1 *)", disk_throughput_mibps = 250 }
    kinds = {
      image = { job = "image-job", image = "registry/image-job:1", vcpus = 2, memory_mib = 4096, disk_gib = 21, timeout_seconds = 1800, time_factor = 1, gpus = 0, in_parts = false, attempts = 5, spot = true, max_vcpus = 64, instance_types = ["c7i", "m7i"], instance_disk_gib = 100 }
      video = { job = "video-job", image = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/team/video-job-nvenc@sha256:0", vcpus = 4, memory_mib = 8192, disk_gib = 200, timeout_seconds = 36000, time_factor = 4, gpus = 1, in_parts = true, attempts = 10, spot = true, max_vcpus = 32, instance_types = ["g5"], instance_disk_gib = 500 }
    }
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.execution["video"].policy).Statement : statement.Resource if statement.Sid == "FetchTheImage"] == [[
      var.repository_arns["video"], "arn:aws:ecr:eu-west-1:210987654321:repository/team/video-job-nvenc",
    ]]
    error_message = "An image that was given by hand can be fetched from its repository of ECR."
  }

  assert {
    condition     = { for environment, this in aws_batch_compute_environment.ec2 : environment => [this.compute_resources[0].ec2_configuration[0].image_type, join(",", sort(this.compute_resources[0].instance_type))] if endswith(environment, "spot") } == { image-spot = ["ECS_AL2023", "c7i,m7i"], video-spot = ["ECS_AL2023_NVIDIA", "g5"] }
    error_message = "Kinds with a GPU have an image and instances with one."
  }

  assert {
    condition     = sort(keys(aws_batch_compute_environment.ec2)) == tolist(["image-on-demand", "image-spot", "video-on-demand", "video-spot"])
    error_message = "Every kind has environments of its own."
  }

  assert {
    condition     = alltrue([for environment, this in aws_batch_compute_environment.ec2 : this.compute_resources[0].allocation_strategy == (endswith(environment, "spot") ? "SPOT_PRICE_CAPACITY_OPTIMIZED" : "BEST_FIT_PROGRESSIVE")])
    error_message = "Spot instances are chosen by price and capacity."
  }

  assert {
    condition     = alltrue([for this in aws_batch_compute_environment.ec2 : length(coalesce(this.compute_resources[0].tags, {})) == 0])
    error_message = "Tags inside the compute resources would replace the environment when they change."
  }

  assert {
    condition     = alltrue([for template in aws_launch_template.instance : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Instance metadata asks for a token, and a network behind the host's does not reach it."
  }

  # Jobs share the host's network, where the hop limit holds nobody back.
  assert {
    condition = alltrue([for template in aws_launch_template.instance :
      strcontains(base64decode(template.user_data), "\niptables --wait --insert OUTPUT --destination 169.254.169.254 --match owner --uid-owner 65532 --jump REJECT\n")
      && strcontains(base64decode(template.user_data), "\necho 'ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m' >>/etc/ecs/ecs.config\n")
    ])
    error_message = "The jobs' user must not reach the instance's credentials, and what killed jobs leave must go soon."
  }

  assert {
    condition = alltrue([for template in aws_launch_template.instance :
      startswith(base64decode(template.user_data), "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"==FIRST-BOOT==\"\n\n--==FIRST-BOOT==\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\n\n#!/bin/bash\n")
      && endswith(base64decode(template.user_data), "\n--==FIRST-BOOT==--\n")
    ])
    error_message = "AWS Batch takes user data as a MIME archive alone."
  }

  assert {
    condition     = { for kind, template in aws_launch_template.instance : kind => [template.block_device_mappings[0].ebs[0].volume_size, template.block_device_mappings[0].ebs[0].throughput] } == { image = [100, 250], video = [500, 250] }
    error_message = "Each kind's instances have the disk that it says."
  }

  assert {
    condition = alltrue(flatten([for kind, template in aws_launch_template.instance : [
      toset([for specification in template.tag_specifications : specification.resource_type]) == toset(["instance", "volume"]),
      alltrue([for specification in template.tag_specifications : specification.tags["Project"] == "media" && specification.tags["Kind"] == kind]),
    ]]))
    error_message = "Instances and disks carry the tag by which the budget finds them."
  }

  assert {
    condition     = alltrue([for environment, this in aws_batch_compute_environment.ec2 : can(regex("^media-${environment}-[0-9a-f]{8}-$", this.compute_environment_name_prefix))])
    error_message = "An environment's name holds what its launch template says, so that a change makes a new one."
  }

  assert {
    condition = { for environment, schedule in aws_scheduler_schedule.image_refresh : environment => jsondecode(schedule.target[0].input) } == {
      for environment, minutes in { image-on-demand = 30, image-spot = 30, video-on-demand = 360, video-spot = 360 } : environment => {
        ComputeEnvironment                          = "arn:aws:batch:us-east-1:123456789012:compute-environment/mock-environment"
        ComputeResources                            = { UpdateToLatestImageVersion = true }
        UpdatePolicy                                = { TerminateJobsOnUpdate = false, JobExecutionTimeoutMinutes = minutes }
      }
    }
    error_message = "Instances get the newest image, after their jobs."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.image_refresh["schedule"].policy).Statement[0].Action == "batch:UpdateComputeEnvironment" && !contains(flatten([jsondecode(aws_iam_role_policy.image_refresh["schedule"].policy).Statement[0].Resource]), "*")
    error_message = "The schedule may update these environments and nothing else."
  }

  assert {
    condition     = [for rule in aws_batch_job_definition.kind["image"].retry_strategy[0].evaluate_on_exit : coalesce(rule.on_exit_code, rule.on_status_reason, rule.on_reason)] == ["75", "Host EC2*", "Task failed to start*", "DockerTimeoutError*", "*"]
    error_message = "A host that went away and a container that did not start are tried again."
  }

  assert {
    condition     = keys(aws_batch_job_definition.kind) == ["image", "video"] && length(output.small_disk_definitions) == 0
    error_message = "On EC2 the disk is the instance's."
  }

  assert {
    condition     = contains([for requirement in jsondecode(aws_batch_job_definition.kind["video"].container_properties).resourceRequirements : requirement.type], "GPU")
    error_message = "A kind with gpus asks for one."
  }

  assert {
    condition     = !can(jsondecode(aws_batch_job_definition.kind["image"].container_properties).fargatePlatformConfiguration) && jsondecode(aws_batch_job_definition.kind["image"].container_properties).privileged == false
    error_message = "Fargate's settings are refused on EC2."
  }
}

run "nodes_outside_of_the_clusters_network_are_refused" {
  command = plan

  module {
    source = "./modules/compute"
  }

  variables {
    compute = "EKS"
    vpc_id  = "vpc-elsewhere"
    eks     = { cluster_arn = "arn:aws:eks:us-east-1:123456789012:cluster/media", namespace = "media-jobs", access_entry = true }
  }

  expect_failures = [aws_batch_compute_environment.eks]
}

run "eks" {
  module {
    source = "./modules/compute"
  }

  variables {
    compute = "EKS"
    vpc_id  = "vpc-0123456789abcdef0"
    eks     = { cluster_arn = "arn:aws:eks:us-east-1:123456789012:cluster/media", namespace = "media-jobs", access_entry = true }
  }

  assert {
    condition     = keys(aws_batch_compute_environment.eks) == ["image-on-demand", "image-spot", "video-on-demand"] && aws_batch_compute_environment.eks["video-on-demand"].eks_configuration[0].kubernetes_namespace == "media-jobs"
    error_message = "Without Spot there is one environment, in the namespace given."
  }

  assert {
    condition = alltrue([for definition in aws_batch_job_definition.kind :
      definition.container_properties == null
      && definition.eks_properties[0].pod_properties[0].containers[0].security_context[0].run_as_non_root
      && definition.eks_properties[0].pod_properties[0].containers[0].security_context[0].read_only_root_file_system
      && !definition.eks_properties[0].pod_properties[0].host_network
    ])
    error_message = "Pods run without rights and off the host's network."
  }

  assert {
    condition = (
      slice(aws_batch_job_definition.kind["image"].eks_properties[0].pod_properties[0].containers[0].args, 5, 7) == tolist(["--memory-limit", "3584MiB"])
      && one([for variable in aws_batch_job_definition.kind["image"].eks_properties[0].pod_properties[0].containers[0].env : variable.value if variable.name == "JOB_TIME_LIMIT"]) == "1440"
    )
    error_message = "Pods have the same limits."
  }

  assert {
    condition     = aws_batch_compute_environment.eks["video-on-demand"].compute_resources[0].security_group_ids == toset(["sg-cluster"])
    error_message = "Nodes are in the cluster's own security group, or they reach neither its DNS nor each other."
  }

  assert {
    condition     = aws_eks_access_entry.node["cluster"].principal_arn == aws_iam_role.instance["instance"].arn && aws_eks_access_entry.node["cluster"].type == "EC2_LINUX"
    error_message = "The nodes that Batch adds may join the cluster."
  }

  assert {
    condition     = aws_eks_pod_identity_association.job["image"].cluster_name == "media" && aws_eks_pod_identity_association.job["image"].service_account == "image-job"
    error_message = "Each kind's service account gets its own role."
  }
}
