# The whole, with a name and a region and nothing else.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name   = "media"
  region = "us-east-1"
}

run "a_name_and_a_region_are_enough" {
  assert {
    condition     = sort(keys(output.installation.queues)) == tolist(["document", "image", "model", "video"])
    error_message = "There must be a queue for each kind."
  }

  assert {
    condition     = keys(output.installation.dead_letters) == keys(output.installation.queues)
    error_message = "Every queue must have one for dead letters."
  }

  assert {
    condition = alltrue([
      for kind, line in output.submit_job :
      can(regex("^aws batch submit-job --region us-east-1 --job-name by-hand --job-queue media-${kind} --job-definition media-${kind} --parameters '\\{\"input\":\"s3://", line))
    ])
    error_message = "There must be a line to submit a job for each kind."
  }

  assert {
    condition     = alltrue([for kind, line in output.upload : can(regex("^aws s3 cp \\S+ s3://\\S+/ --metadata 'processing-option=[a-z]", line))])
    error_message = "There must be a line to upload a file for each kind."
  }

  assert {
    condition     = strcontains(output.push_images, "make docker-push REGISTRY=123456789012.dkr.ecr.us-east-1.amazonaws.com/media REVISION=0.1.0")
    error_message = "The line that pushes images must push the tag that the job definitions ask for."
  }

  assert {
    condition = sort(keys(output.installation.environments.classify)) == sort([
      "S3_INPUT", "SQS_DOCUMENT", "SQS_PICTURE", "SQS_3D_FILE", "SQS_VIDEO", "DYNAMODB_INPUT", "SNS_NOTIF", "PROCESSING_RULES", "WALK_PAGES", "SHARE_BY", "MAX_PRIORITY", "RECORD_DAYS",
      "FAST_MAX_SECONDS", "FAST_DOCUMENT", "FAST_IMAGE", "FAST_MODEL", "FAST_VIDEO",
    ])
    error_message = "Classify must get the variables that it declares."
  }

  assert {
    condition     = output.installation.environments.job.S3_OUTPUT == "s3://${output.installation.buckets.output}" && output.installation.environments.job.METRICS == "emf"
    error_message = "Jobs must be told where results go and to print metrics."
  }

  assert {
    condition     = alltrue([for name in ["SQS_UNDELIVERED_UPLOADS", "SQS_UNDELIVERED_RESULTS"] : strcontains(output.environment, name)])
    error_message = "pipeline redrive --state undelivered needs the queues' URLs."
  }

  assert {
    condition     = output.eks_manifests == ""
    error_message = "Only EKS needs manifests."
  }
}

run "rules_reach_classify_as_it_reads_them" {
  command = plan

  variables {
    processing_rules = [{ glob = "photos/**", kind = "image", processing_option = "resize?width=800" }, { glob = "**", processing_option = "probe" }]
  }

  assert {
    condition = jsondecode(output.installation.environments.classify.PROCESSING_RULES) == [
      { glob = "photos/**", kind = "image", processingOption = "resize?width=800" },
      { glob = "**", processingOption = "probe" },
    ]
    error_message = "PROCESSING_RULES must be what classify parses."
  }
}

run "bounds_reach_dispatch_as_it_reads_them" {
  command = plan

  variables {
    kinds = {
      image = { min = { vcpus = 2, memory_mib = 8192 }, memory_mib = 8192 }
      video = { max = { vcpus = 4, memory_mib = 16384 }, timeout_seconds = 7200 }
      model = { vcpus = 4, memory_mib = 8192 }
    }
  }

  assert {
    condition = jsondecode(output.installation.environments.dispatch.RESOURCE_BOUNDS) == {
      image = { min = { vcpus = 2, memoryMib = 8192 } }
      video = { max = { vcpus = 4, memoryMib = 16384 } }
    }
    error_message = "RESOURCE_BOUNDS must be what dispatch parses."
  }
}

run "bounds_are_sizes_that_there_are" {
  command = plan

  variables {
    kinds = { image = { min = { vcpus = 4, memory_mib = 8192 }, max = { vcpus = 2, memory_mib = 16384 } } }
  }

  expect_failures = [var.kinds]
}

run "without_delivery_there_is_no_distribution" {
  variables {
    delivery = { enabled = false }
  }

  assert {
    condition     = output.installation.distribution == ""
    error_message = "delivery.enabled = false must leave CloudFront out."
  }
}

run "a_name_that_makes_no_bucket_name_is_refused" {
  command = plan

  variables {
    name = "Media_Pipeline"
  }

  expect_failures = [var.name]
}

run "what_is_no_region_is_refused" {
  command = plan

  variables {
    region = "virginia"
  }

  expect_failures = [var.region]
}

run "a_kind_that_does_not_exist_is_refused" {
  command = plan

  variables {
    kinds = { audio = { vcpus = 1 } }
  }

  expect_failures = [var.kinds]
}

run "fargate_has_no_gpus" {
  command = plan

  variables {
    kinds = { video = { gpus = 1 } }
  }

  expect_failures = [var.kinds]
}

run "eks_gets_its_manifests" {
  command = plan

  variables {
    compute = "EKS"
    eks     = { cluster_arn = "arn:aws:eks:us-east-1:123456789012:cluster/media", namespace = "films" }
    network = { vpc_id = "vpc-0123456789abcdef0", subnet_ids = ["subnet-1"] }
  }

  assert {
    condition = [for manifest in split("---\n", output.eks_manifests) : "${yamldecode(manifest).kind} ${yamldecode(manifest).metadata.name}"] == [
      "Namespace films", "ServiceAccount document-job", "ServiceAccount image-job", "ServiceAccount model-job", "ServiceAccount video-job",
      "ClusterRole media-batch", "ClusterRoleBinding media-batch", "Role media-batch", "RoleBinding media-batch",
    ]
    error_message = "The cluster needs a namespace, a service account for each kind, and Batch's role bindings."
  }

  assert {
    condition = alltrue([
      for manifest in [for manifest in split("---\n", output.eks_manifests) : yamldecode(manifest)] :
      manifest.metadata.namespace == "films" if contains(["ServiceAccount", "Role", "RoleBinding"], manifest.kind)
    ])
    error_message = "What lives in a namespace lives in Batch's."
  }
}

run "eks_needs_a_cluster" {
  command = plan

  variables {
    compute = "EKS"
    network = { vpc_id = "vpc-0123456789abcdef0", subnet_ids = ["subnet-1"] }
  }

  expect_failures = [var.eks]
}

run "archive_classes_cannot_be_delivered" {
  command = plan

  variables {
    output_lifecycle = { transition_days = 30, transition_class = "GLACIER" }
  }

  expect_failures = [var.output_lifecycle]
}

run "a_vpc_without_subnets_is_refused" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1" }
  }

  expect_failures = [var.network]
}

run "eks_needs_the_clusters_network" {
  command = plan

  variables {
    compute = "EKS"
    eks     = { cluster_arn = "arn:aws:eks:us-east-1:123456789012:cluster/media" }
  }

  expect_failures = [var.network]
}

run "a_vpc_that_exists_is_not_made_private" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], private = true }
  }

  expect_failures = [var.network]
}

run "an_endpoint_needs_route_tables" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], gateway_endpoint = true }
  }

  expect_failures = [var.network]
}

run "keys_protect_nothing_that_is_public" {
  command = plan

  variables {
    delivery = { public = true, signing_public_keys = { web = "-----BEGIN PUBLIC KEY-----" } }
  }

  expect_failures = [var.delivery]
}

run "a_public_path_is_not_everything" {
  command = plan

  variables {
    delivery = { public_paths = ["*"] }
  }

  expect_failures = [var.delivery]
}

run "what_is_not_a_public_key_is_refused" {
  command = plan

  variables {
    delivery = { signing_public_keys = { web = "secret" } }
  }

  expect_failures = [var.delivery]
}

run "a_signing_secret_is_of_a_key_that_cloudfront_knows" {
  command = plan

  variables {
    delivery = {
      signing_public_keys = { web = "-----BEGIN PUBLIC KEY-----" }
      signing_secret      = { key = "old", arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:signer" }
    }
  }

  expect_failures = [var.delivery]
}

run "operators_sign_with_the_secret" {
  variables {
    delivery = {
      public_paths        = ["*/resize/*", "thumbnails/*"]
      signing_public_keys = { old = "-----BEGIN PUBLIC KEY----- 1", web = "-----BEGIN PUBLIC KEY----- 2" }
      signing_secret      = { key = "web", arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:signer" }
    }
  }

  assert {
    condition     = strcontains(output.environment, "export CLOUDFRONT_SIGNING_KEY='arn:aws:secretsmanager:us-east-1:123456789012:secret:signer'") && strcontains(output.environment, "export CLOUDFRONT_KEY_ID='")
    error_message = "pipeline url must be told the key and its id."
  }

  assert {
    condition     = output.installation.environments.output.CLOUDFRONT_PUBLIC_PATHS == "*/resize/*,thumbnails/*"
    error_message = "Output must know which URLs need no signature."
  }

  assert {
    condition     = anytrue([for statement in jsondecode(output.operator_policy).Statement : statement.Action == "secretsmanager:GetSecretValue" && statement.Resource == "arn:aws:secretsmanager:us-east-1:123456789012:secret:signer"])
    error_message = "Operators must be allowed to read the secret, and no other."
  }
}

run "uploads_and_results_are_two_buckets" {
  command = plan

  variables {
    existing_buckets = { input = "media", output = "media" }
  }

  expect_failures = [var.existing_buckets]
}

run "batch_starts_a_job_ten_times_at_most" {
  command = plan

  variables {
    kinds = { video = { attempts = 11 } }
  }

  expect_failures = [var.kinds]
}

run "a_disk_holds_at_least_the_images" {
  command = plan

  variables {
    ec2   = { disk_gib = 200 }
    kinds = { image = { instance_disk_gib = 20 } }
  }

  expect_failures = [var.ec2]
}

run "only_kinds_that_have_an_image_with_weights_can_run_it" {
  command = plan

  variables {
    with_weights = ["image", "model"]
  }

  expect_failures = [var.with_weights]
}

run "a_schedule_is_one_of_the_schedulers" {
  command = plan

  variables {
    ec2 = { image_refresh = "monthly" }
  }

  expect_failures = [var.ec2]
}

run "a_path_of_roles_ends_with_a_slash" {
  command = plan

  variables {
    iam = { path = "/media" }
  }

  expect_failures = [var.iam]
}

run "cloudwatch_looks_back_a_day" {
  command = plan

  variables {
    alarms = { stalled_hours = 48 }
  }

  expect_failures = [var.alarms]
}

run "fargate_has_the_sizes_that_it_has" {
  command = plan

  module {
    source = "./modules/pipeline"
  }

  variables {
    kinds = { image = { vcpus = 2, memory_mib = 3000 }, model = { vcpus = 16, memory_mib = 32768, max_vcpus = 8 } }
  }

  expect_failures = [terraform_data.sizes["image"], terraform_data.sizes["model"]]
}

run "an_operator_may_look_and_send_again_and_change_nothing_else" {
  command = plan

  assert {
    condition     = alltrue([for statement in jsondecode(output.operator_policy).Statement : statement.Effect == "Allow" && (statement.Resource != "*" || statement.Sid == "AskBatch")])
    error_message = "Only Batch's questions have no narrower resource."
  }

  assert {
    condition     = length([for action in flatten([for statement in jsondecode(output.operator_policy).Statement : statement.Action]) : action if can(regex("^(s3:Put|s3:Delete|iam:|batch:Cancel|dynamodb:Delete)", action))]) == 0
    error_message = "An operator changes no object and deletes nothing; jobs may be ended."
  }
}

run "deletions_reach_output_if_asked" {
  command = plan

  variables {
    delete_results_with_upload = true
  }

  assert {
    condition     = output.installation.environments.output.DELETIONS_OF == output.installation.buckets.input
    error_message = "Output must know whose deletions count."
  }
}

run "ends_of_uploads_are_told_if_asked" {
  variables {
    upload_events  = { bus = "own", webhook = { url = "https://app.example.com/hook", states = ["FAILED"] } }
    webhook_secret = "secret"
  }

  assert {
    condition     = output.installation.environments.output.EVENT_BUS == "media" && output.installation.environments.output.EVENT_SOURCE == "data-pipeline.media"
    error_message = "Output must know the bus."
  }

  assert {
    condition     = anytrue([for statement in jsondecode(output.operator_policy).Statement : statement.Action == "events:PutEvents" && statement.Resource != "*"])
    error_message = "The operator's program tells of what it records."
  }
}

run "a_webhook_knows_its_caller" {
  command = plan

  variables {
    upload_events = { bus = "own", webhook = { url = "https://app.example.com/hook" } }
  }

  expect_failures = [var.webhook_secret]
}

run "a_webhook_hears_of_events" {
  command = plan

  variables {
    upload_events  = { webhook = { url = "https://app.example.com/hook" } }
    webhook_secret = "secret"
  }

  expect_failures = [var.upload_events]
}

run "a_webhook_is_called_over_tls" {
  command = plan

  variables {
    upload_events  = { bus = "default", webhook = { url = "http://app.example.com/hook" } }
    webhook_secret = "secret"
  }

  expect_failures = [var.upload_events]
}

run "money_has_bounds_if_asked" {
  variables {
    budget = { day_usd = 50, month_usd = 1000 }
  }

  assert {
    condition     = output.installation.environments.output.BUDGET_DAY_USD == "50" && output.installation.environments.output.BUDGET_MONTH_USD == "1000"
    error_message = "Output must know the bounds."
  }

  assert {
    condition     = contains(output.installation.alarms, "media-dispatch-paused")
    error_message = "A pause has an alarm."
  }

  assert {
    condition     = output.installation.environments.job.PRICE_VCPU_HOUR == "0.012144"
    error_message = "Jobs estimate by the share of the list price that Spot usually costs."
  }
}

run "a_bound_is_above_nothing" {
  command = plan

  variables {
    budget = { day_usd = 0 }
  }

  expect_failures = [var.budget]
}

run "shares_reach_classify_and_dispatch" {
  variables {
    shares = { by = "prefix", max_priority = 10, weights = { team7 = 2 } }
  }

  assert {
    condition     = output.installation.environments.classify.SHARE_BY == "prefix" && output.installation.environments.classify.MAX_PRIORITY == "10" && output.installation.environments.dispatch.HAS_SHARES == "true"
    error_message = "Classify tells whose an upload is, and dispatch names it."
  }
}

run "a_share_is_told_by_one_of_two_ways" {
  command = plan

  variables {
    shares = { by = "tenant" }
  }

  expect_failures = [var.shares]
}

run "existing_buckets_are_used" {
  command = plan

  variables {
    existing_buckets = { input = "team-uploads", output = "team-results" }
  }

  assert {
    condition     = keys(output.existing_bucket_settings) == ["input", "output"] && output.existing_bucket_settings["input"].eventbridge
    error_message = "Their owner is told what they need."
  }
}

run "a_walk_that_no_function_has_time_for_is_refused" {
  command = plan

  variables {
    reconcile = { minutes = 10, walk_pages = 1000 }
  }

  expect_failures = [var.reconcile]
}

run "a_sweep_every_minute_would_meet_itself" {
  command = plan

  variables {
    reconcile = { minutes = 1 }
  }

  expect_failures = [var.reconcile]
}

run "engines_are_allowed_if_asked" {
  variables {
    engines = { rekognition = {}, textract = { per_second = 5 } }
  }

  assert {
    condition     = output.installation.environments.job.TEXTRACT_PER_SECOND == "5" && !contains(keys(output.installation.environments.job), "REKOGNITION_PER_SECOND")
    error_message = "Jobs are told a pace where there is one to tell."
  }
}

run "an_engine_that_does_not_exist_is_refused" {
  command = plan

  variables {
    engines = { clairvoyance = {} }
  }

  expect_failures = [var.engines]
}

run "a_pace_is_above_nothing" {
  command = plan

  variables {
    engines = { textract = { per_second = 0 } }
  }

  expect_failures = [var.engines]
}

run "without_a_fast_path_nothing_is_made_for_it" {
  assert {
    condition     = length(output.installation.fast_queues) == 0 && length(output.installation.fast_functions) == 0
    error_message = "The fast path must be off unless it is asked for."
  }

  assert {
    condition     = alltrue([for kind in ["DOCUMENT", "IMAGE", "MODEL", "VIDEO"] : output.installation.environments.classify["FAST_${kind}"] == ""])
    error_message = "Classify must not be told of queues that do not exist."
  }
}

run "the_fast_path_is_one_variable" {
  variables {
    fast_path        = { enabled = true, kinds = ["image", "document"], max_seconds = 8 }
    processing_rules = [{ glob = "slow/**", processing_option = "resize?width=8", fast = "off" }]
  }

  assert {
    condition     = sort(keys(output.installation.fast_queues)) == tolist(["document", "image"]) && sort(keys(output.installation.fast_functions)) == tolist(["document", "image"])
    error_message = "Each kind that is named must have a fast queue and a function."
  }

  assert {
    condition = (
      output.installation.environments.classify.FAST_IMAGE == output.installation.fast_queues.image &&
      output.installation.environments.classify.FAST_VIDEO == "" &&
      output.installation.environments.classify.FAST_MAX_SECONDS == "8"
    )
    error_message = "Classify must be told which kinds have a fast queue."
  }

  assert {
    condition     = strcontains(output.installation.environments.classify.PROCESSING_RULES, "\"fast\":\"off\"")
    error_message = "A rule must be able to keep its uploads from the fast path."
  }

  assert {
    condition     = length(split(",", output.installation.environments.output.DISPATCH_MAPPINGS)) == 6
    error_message = "The budget guard must be able to stop the fast path as well."
  }

  assert {
    condition     = alltrue([for alarm in ["fast-queue-age", "fast-refused", "fast-errors"] : contains(output.installation.alarms, "media-${alarm}")])
    error_message = "The fast path must have its alarms."
  }

  assert {
    condition     = output.installation.environments.fast.PRICE_VCPU_HOUR == "0" && output.installation.environments.fast.PRICE_GIB_HOUR == "0.06"
    error_message = "Functions are charged by their memory."
  }
}

run "workers_take_the_place_of_functions" {
  variables {
    fast_path = { enabled = true, by = "workers", kinds = ["image"], workers = { min = 0, max = 2 } }
  }

  assert {
    condition     = join(",", keys(output.installation.fast_queues)) == "image" && length(output.installation.fast_functions) == 0
    error_message = "Workers poll the queue themselves."
  }

  assert {
    condition     = output.installation.environments.fast.PRICE_VCPU_HOUR != "0"
    error_message = "Workers are charged as tasks of Fargate."
  }
}

run "a_fast_path_needs_time_for_what_follows_the_work" {
  command = plan

  variables {
    fast_path = { enabled = true, timeout_seconds = 12, max_seconds = 10 }
  }

  expect_failures = [var.fast_path]
}
