# Where jobs run, what they are and what they may do.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "media"
  region             = "us-east-1"
  compute            = "FARGATE"
  spot               = true
  max_vcpus          = 64
  architecture       = "X86_64"
  ec2                = { instance_types = ["c7i"], gpu_instance_types = ["g5"], disk_gib = 200 }
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

  kinds = {
    image = { job = "image-job", image = "registry/image-job:1", vcpus = 2, memory_mib = 4096, disk_gib = 21, timeout_seconds = 1800, time_factor = 1, gpus = 0 }
    video = { job = "video-job", image = "registry/video-job:1", vcpus = 4, memory_mib = 8192, disk_gib = 200, timeout_seconds = 14400, time_factor = 4, gpus = 0 }
  }
}

run "fargate" {
  module {
    source = "./modules/compute"
  }

  assert {
    condition     = alltrue([for order in aws_batch_job_queue.kind["image"].compute_environment_order : order.order >= 1]) && length(aws_batch_job_queue.kind["image"].compute_environment_order) == 2
    error_message = "Spot comes first, with on-demand behind it."
  }

  assert {
    condition     = { for environment, this in aws_batch_compute_environment.fargate : environment => this.compute_resources[0].type } == { general-spot = "FARGATE_SPOT", general-on-demand = "FARGATE" }
    error_message = "Both kinds of capacity must be there."
  }

  # crates/contract/src/failure.rs: 64 to 70 are final, 75 is temporary.
  assert {
    condition = alltrue([for definition in aws_batch_job_definition.kind : jsonencode([
      for rule in definition.retry_strategy[0].evaluate_on_exit :
      [rule.action, coalesce(rule.on_exit_code, "-"), coalesce(rule.on_status_reason, "-"), coalesce(rule.on_reason, "-")]
      ]) == jsonencode([
      ["RETRY", "75", "-", "-"],
      ["RETRY", "-", "Host EC2*", "-"],
      ["RETRY", "-", "Your Spot Task was interrupted*", "-"],
      ["EXIT", "-", "-", "*"],
    ])])
    error_message = "Exit code 75 and a host that went away are tried again, and nothing else; the catch-all comes last."
  }

  assert {
    condition     = alltrue([for definition in aws_batch_job_definition.kind : slice(jsondecode(definition.container_properties).command, 0, 5) == ["run", "--input", "Ref::input", "--processing-option", "Ref::processingOption"]])
    error_message = "The command must take the parameters input and processingOption."
  }

  assert {
    condition     = { for kind, definition in aws_batch_job_definition.kind : kind => slice(jsondecode(definition.container_properties).command, 5, 7) } == { image = ["--memory-limit", "3584MiB"], video = ["--memory-limit", "7168MiB"] }
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
    condition     = { for variable in jsondecode(aws_batch_job_definition.kind["image"].container_properties).environment : variable.name => variable.value } == merge({ JOB_TIME_LIMIT = "1440" }, var.environment)
    error_message = "The environment is what the caller gives, and a limit that ends an operation before AWS Batch ends the job."
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
    condition     = alltrue([for queue in aws_batch_job_queue.kind : length([for action in queue.job_state_time_limit_action : action if action.state == "RUNNABLE" && action.action == "CANCEL"]) == 3])
    error_message = "A job that can never be placed must not block its queue for ever."
  }

  # Least privilege, read from the policies themselves.
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.job : alltrue([for statement in jsondecode(policy.policy).Statement : !contains(flatten([statement.Resource]), "*")])])
    error_message = "A job's role names the resources that it may use."
  }

  assert {
    condition = sort(distinct(flatten([for statement in jsondecode(aws_iam_role_policy.job["image"].policy).Statement : statement.Action]))) == sort([
      "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:ListBucket", "sns:Publish",
    ])
    error_message = "A job may read, write results and publish; nothing else."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.job["image"].policy).Statement : !contains(flatten([statement.Resource]), "arn:aws:s3:::uploads/*") || alltrue([for action in flatten([statement.Action]) : startswith(action, "s3:Get")])])
    error_message = "A job must not write to the bucket of the uploads."
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

run "ec2" {
  module {
    source = "./modules/compute"
  }

  variables {
    compute = "EC2"
    kinds = {
      image = { job = "image-job", image = "registry/image-job:1", vcpus = 2, memory_mib = 4096, disk_gib = 21, timeout_seconds = 1800, time_factor = 1, gpus = 0 }
      video = { job = "video-job", image = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/team/video-job-nvenc@sha256:0", vcpus = 4, memory_mib = 8192, disk_gib = 200, timeout_seconds = 14400, time_factor = 4, gpus = 1 }
    }
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.execution["video"].policy).Statement : statement.Resource if statement.Sid == "FetchTheImage"] == [[
      var.repository_arns["video"], "arn:aws:ecr:eu-west-1:210987654321:repository/team/video-job-nvenc",
    ]]
    error_message = "An image that was given by hand can be fetched from its repository of ECR."
  }

  assert {
    condition     = sort(keys(aws_batch_compute_environment.ec2)) == tolist(["general-on-demand", "general-spot", "gpu-on-demand", "gpu-spot"])
    error_message = "Kinds with a GPU have environments of their own."
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
    condition     = aws_launch_template.instance["instance"].metadata_options[0].http_tokens == "required" && aws_launch_template.instance["instance"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "Containers must not reach the instance's credentials."
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

run "eks" {
  module {
    source = "./modules/compute"
  }

  variables {
    compute = "EKS"
    spot    = false
    eks     = { cluster_arn = "arn:aws:eks:us-east-1:123456789012:cluster/media", namespace = "media-jobs", access_entry = true }
  }

  assert {
    condition     = keys(aws_batch_compute_environment.eks) == ["general-on-demand"] && aws_batch_compute_environment.eks["general-on-demand"].eks_configuration[0].kubernetes_namespace == "media-jobs"
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
    condition     = aws_batch_compute_environment.eks["general-on-demand"].compute_resources[0].security_group_ids == toset(["sg-cluster"])
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
