# What a person needs next, ready to paste; and, under `installation`, every name for programs and tests.

locals {
  registry = "${data.aws_caller_identity.current.account_id}.dkr.ecr.${local.region}.amazonaws.com"

  namespace = try(var.eks.namespace, "media-jobs")

  # Batch's own requirements: its guide "Getting started with AWS Batch on Amazon EKS". As JSON, because the elements of a
  # list have to be of one type and these have different fields.
  eks_manifests = concat(
    [jsonencode({ apiVersion = "v1", kind = "Namespace", metadata = { name = local.namespace } })],
    [for setting in local.kinds_as_shipped : jsonencode({
      apiVersion = "v1", kind = "ServiceAccount", metadata = { name = setting.job, namespace = local.namespace }
    })],
    [
      jsonencode({
        apiVersion = "rbac.authorization.k8s.io/v1", kind = "ClusterRole", metadata = { name = "${var.name}-batch" }
        rules = [
          { apiGroups = [""], resources = ["namespaces"], verbs = ["get"] },
          { apiGroups = [""], resources = ["nodes", "pods", "configmaps"], verbs = ["get", "list", "watch"] },
          { apiGroups = [""], resources = ["events"], verbs = ["list"] },
          { apiGroups = ["apps"], resources = ["daemonsets", "deployments", "statefulsets", "replicasets"], verbs = ["get", "list", "watch"] },
          { apiGroups = ["rbac.authorization.k8s.io"], resources = ["clusterroles", "clusterrolebindings"], verbs = ["get", "list"] },
        ]
      }),
      jsonencode({
        apiVersion = "rbac.authorization.k8s.io/v1", kind = "ClusterRoleBinding", metadata = { name = "${var.name}-batch" }
        roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "ClusterRole", name = "${var.name}-batch" }
        subjects   = [local.batch_user]
      }),
      jsonencode({
        apiVersion = "rbac.authorization.k8s.io/v1", kind = "Role", metadata = { name = "${var.name}-batch", namespace = local.namespace }
        rules = [
          { apiGroups = [""], resources = ["pods"], verbs = ["create", "get", "list", "watch", "delete", "patch"] },
          { apiGroups = [""], resources = ["serviceaccounts"], verbs = ["get", "list"] },
          { apiGroups = ["rbac.authorization.k8s.io"], resources = ["roles", "rolebindings"], verbs = ["get", "list"] },
        ]
      }),
      jsonencode({
        apiVersion = "rbac.authorization.k8s.io/v1", kind = "RoleBinding", metadata = { name = "${var.name}-batch", namespace = local.namespace }
        roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = "${var.name}-batch" }
        subjects   = [local.batch_user]
      }),
    ],
  )

  # The name under which Batch's service-linked role is known in the cluster.
  batch_user = { kind = "User", name = "aws-batch", apiGroup = "rbac.authorization.k8s.io" }

  example_files = {
    document = { file = "report.pdf", option = "text" }
    image    = { file = "photo.jpg", option = "resize?width=800&format=webp" }
    model    = { file = "chair.glb", option = "optimise" }
    video    = { file = "clip.mp4", option = "keyframes" }
  }
}

output "push_images" {
  description = "The first thing to do after the first apply: logs in to this installation's registry, builds the container images and pushes them. Uploads before that wait as failed jobs (`pipeline redrive` sends them again)."
  value = join("\n", [
    "aws ecr get-login-password --region ${local.region} | docker login --username AWS --password-stdin ${local.registry}",
    "make docker-push REGISTRY=${local.registry}/${var.name} REVISION=${var.image_tag}",
  ])
}

output "upload" {
  description = "Uploads a file and says what to do with it. Without --metadata, the kind's default is done."
  value = {
    for kind, example in local.example_files : kind =>
    "aws s3 cp ${example.file} s3://${module.storage.buckets["input"].name}/ --metadata 'processing-option=${example.option}'"
  }
}

output "presigned_upload" {
  description = "Lets somebody without AWS credentials upload one file within an hour: prints a URL for `curl --upload-file` (Python with boto3)."
  value       = "python3 -c \"import boto3, botocore.client; print(boto3.client('s3', region_name='${local.region}', config=botocore.client.Config(signature_version='s3v4')).generate_presigned_url('put_object', Params={'Bucket': '${module.storage.buckets["input"].name}', 'Key': 'photo.jpg', 'Metadata': {'processing-option': 'resize?width=800'}}, ExpiresIn=3600))\"   # then: curl -H 'x-amz-meta-processing-option: resize?width=800' --upload-file photo.jpg 'URL'"
}

output "submit_job" {
  description = "Runs one job by hand, past the queues, on an object that is in the bucket of uploads already."
  value = {
    for kind, example in local.example_files : kind => join(" ", [
      "aws batch submit-job --region ${local.region} --job-name by-hand",
      "--job-queue ${module.compute.job_queues[kind].name} --job-definition ${module.compute.job_definitions[kind].name}",
      "--parameters '${jsonencode({ input = "s3://${module.storage.buckets["input"].name}/${example.file}", processingOption = example.option })}'",
    ])
  }
}

output "list_results" {
  description = "Where results are: below the key of the upload, a folder for each operation."
  value       = "aws s3 ls --recursive s3://${module.storage.buckets["output"].name}/photo.jpg/"
}

output "query_records" {
  description = "What is known of one upload: its state, the time of every step, and the reason if it failed."
  value       = "aws dynamodb query --region ${local.region} --table-name ${module.tables.tables["input"].name} --key-condition-expression '#object = :object' --expression-attribute-names '{\"#object\":\"object\"}' --expression-attribute-values '{\":object\":{\"S\":\"s3://${module.storage.buckets["input"].name}/photo.jpg\"}}'"
}

output "results_url" {
  description = "Where results are delivered: this, then the key of the object; and who may read it."
  value = !var.delivery.enabled ? "(delivery is not enabled)" : join("", [
    "https://${local.delivery_domain}/",
    var.delivery.public ? " (public)" : (length(var.delivery.signing_public_keys) > 0 ? " (with a signed URL or signed cookies)" : " (closed until delivery.signing_public_keys or delivery.public is given)"),
  ])
}

output "dashboard_url" {
  description = "How the system is doing, on one page."
  value       = module.monitoring.dashboard_url
}

output "environment" {
  description = "Environment for the operator's program: paste it, then `pipeline status --aws`, `pipeline explain s3://…`, `pipeline redrive`."
  value = join("\n", [
    for variable, value in merge(
      local.environments["classify"], local.environments["dispatch"], local.output_environment, local.operator_environment,
    ) : "export ${variable}='${replace(value, "'", "'\\''")}'" if value != "" && variable != "RUST_LOG"
  ])
}

output "operator_policy" {
  description = "IAM policy of whoever operates this installation: reads records, results and logs, sends uploads on their way again, submits jobs by hand; changes no object, and deletes none unless delete_results_with_upload says so."
  value = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.operator_statements : merge(statement, { Effect = "Allow" })]
  })
}

output "existing_bucket_settings" {
  description = "For existing_buckets: what those buckets need, which their owner adds to what they have: events to EventBridge (for the results, notifications of the events in `removals` to the queue in `removals` do as well, and cost nothing), versions, and for the results the statements of the bucket's policy that let CloudFront read."
  value = {
    for bucket, name in var.existing_buckets : bucket => {
      bucket            = name
      eventbridge       = true
      versioning        = "Enabled"
      removals          = bucket == "output" ? jsonencode({ queue_arn = module.results.queue.arn, events = ["s3:ObjectRemoved:*", "s3:LifecycleExpiration:DeleteMarkerCreated"] }) : "null"
      policy_statements = bucket == "output" && var.delivery.enabled ? jsonencode(module.storage.read_by_cloudfront) : "[]"
    } if name != null
  }
}

output "eks_manifests" {
  description = "For compute = EKS: what the cluster has to have before the first job, for `terraform output -raw eks_manifests | kubectl apply -f -`: the namespace, a service account for each kind, and AWS Batch's role bindings."
  value       = var.compute != "EKS" ? "" : join("---\n", [for manifest in local.eks_manifests : yamlencode(jsondecode(manifest))])
}

output "installation" {
  description = "Names and ARNs of everything, for programs: `terraform output -json installation`."
  value = {
    name            = var.name
    region          = local.region
    buckets         = { for bucket, this in module.storage.buckets : bucket => this.name }
    tables          = { for table, this in module.tables.tables : table => this.name }
    queues          = { for kind, queue in module.queues.requests : kind => queue.url }
    fast_queues     = { for kind, queue in module.fast.queues : kind => queue.url }
    fast_functions  = module.fast.function_names
    dead_letters    = { for kind, queue in module.queues.dead_letters : kind => queue.url }
    undelivered     = { for name, queue in module.queues.undelivered : name => queue.url }
    topics          = { jobs = module.notifications.jobs_topic_arn, alarms = module.notifications.alarms_topic_arn }
    job_queues      = { for kind, queue in module.compute.job_queues : kind => queue.name }
    job_definitions = { for kind, definition in module.compute.job_definitions : kind => definition.name }
    rules = {
      uploads    = module.intake.rules.uploads.name
      job_states = module.results.rules["job-states"].name
    }
    repositories = module.registry.repository_urls
    functions    = { classify = module.intake.function_name, dispatch = module.dispatch.function_name, output = module.results.function_name }
    environments = merge(local.environments, { output = local.output_environment, job = local.job_environment, fast = local.fast_environment })
    alarms       = module.monitoring.alarm_names
    distribution = local.delivery_domain
  }
}
