# The flow, room by room: storage -> intake -> queues -> dispatch -> compute -> results -> delivery, over network, tables,
# notifications and registry, with monitoring on top. docs/aws.md draws it.

data "aws_caller_identity" "current" {}

locals {
  zips_folder = coalesce(var.lambda_zips_folder, "${path.module}/../../../target/lambda")

  # The tags that everything has: the provider's, and the one that the budget looks for.
  tags = merge(data.aws_default_tags.current.tags, var.tags, { Project = var.name })

  # Roles belong to the account and not to a region: two installations of one name in two regions must not meet.
  iam = merge(var.iam, { prefix = "${var.name}-${local.region}" })

  # A function's timeout, and what has to be longer than it.
  dispatch_timeout_seconds   = 120
  lease_seconds              = 300
  queue_visibility_seconds   = 6 * local.dispatch_timeout_seconds + var.dispatch.window_seconds
  dead_letter_after_receives = 8

  # The images declare it as a volume of the jobs' user (docker/Dockerfile).
  scratch_folder = "/tmp"

  functions = {
    for name in ["classify", "dispatch", "output"] : name => {
      zip                  = "${local.zips_folder}/${name}-lambda.zip"
      architecture         = var.lambda_architecture
      reserved_concurrency = lookup(var.lambda_reserved_concurrency, name, null)
      log_retention_days   = var.log_retention_days
      kms_key_arn          = var.kms_key_arn
      iam                  = local.iam
    }
  }

  # Exactly the names that the programs declare (crates/control/src/*/environment.rs, crates/runner/src/cli.rs); a test compares.
  environments = {
    classify = merge(
      local.log_environment,
      {
        S3_INPUT         = module.storage.buckets["input"].name
        DYNAMODB_INPUT   = module.tables.tables["input"].name
        SNS_NOTIF        = module.notifications.jobs_topic_arn
        PROCESSING_RULES = length(var.processing_rules) > 0 ? jsonencode(local.processing_rules) : ""
        WALK_PAGES       = tostring(var.reconcile.walk_pages)
        SHARE_BY         = var.shares.by == null ? "" : var.shares.by
        MAX_PRIORITY     = tostring(var.shares.max_priority)
        RECORD_DAYS      = tostring(var.record_days)
        FAST_MAX_SECONDS = tostring(var.fast_path.max_seconds)
      },
      { for kind, setting in local.kinds : setting.queue_variable => module.queues.requests[kind].url },
      { for kind in keys(local.kinds_as_shipped) : "FAST_${upper(kind)}" => try(module.fast.queues[kind].url, "") },
    )
    dispatch = merge(
      local.log_environment,
      {
        DYNAMODB_INPUT    = module.tables.tables["input"].name
        SNS_NOTIF         = module.notifications.jobs_topic_arn
        S3_WORK           = module.storage.buckets["work"].name
        COMPUTE           = var.compute
        PACK_BELOW_BYTES  = tostring(var.packing.below_bytes)
        PACK_BYTES        = tostring(var.packing.bytes)
        PACK_COUNT        = tostring(var.packing.count)
        PACK_SECONDS      = tostring(var.packing.seconds)
        RESOURCE_BOUNDS   = length(local.resource_bounds) > 0 ? jsonencode(local.resource_bounds) : ""
        MAX_RECEIVE_COUNT = tostring(local.dead_letter_after_receives)
        LEASE_SECONDS     = tostring(local.lease_seconds)
        HAS_SHARES        = local.has_shares ? "true" : ""
        RECORD_DAYS       = tostring(var.record_days)
      },
      { for kind, setting in local.kinds : setting.queue_variable => module.queues.requests[kind].url },
      { for kind, setting in local.kinds : "${setting.queue_variable}_DLQ" => module.queues.dead_letters[kind].url },
      { for kind, queue in module.compute.job_queues : "BATCH_QUEUE_${upper(kind)}" => queue.name },
      { for kind in keys(local.kinds) : "BATCH_QUEUE_${upper(kind)}_ON_DEMAND" => try(module.compute.on_demand_job_queues[kind].name, "") },
      { for kind, definition in module.compute.job_definitions : "BATCH_DEFINITION_${upper(kind)}" => definition.name },
      { for kind in keys(local.kinds) : "BATCH_DEFINITION_${upper(kind)}_SMALL_DISK" => try(module.compute.small_disk_definitions[kind].name, "") },
    )
  }

  # Apart from the others, of which dispatch's own makes what this one names.
  output_environment = merge(
    local.log_environment,
    {
      S3_OUTPUT         = module.storage.buckets["output"].name
      S3_WORK           = module.storage.buckets["work"].name
      DYNAMODB_INPUT    = module.tables.tables["input"].name
      DYNAMODB_OUTPUT   = module.tables.tables["output"].name
      SNS_NOTIF         = module.notifications.jobs_topic_arn
      METRICS_NAMESPACE = local.metrics_namespace

      BUDGET_DAY_USD          = var.budget.day_usd == null ? "" : tostring(var.budget.day_usd)
      BUDGET_MONTH_USD        = var.budget.month_usd == null ? "" : tostring(var.budget.month_usd)
      DISPATCH_MAPPINGS       = join(",", concat(values(module.dispatch.mappings), values(module.fast.mappings)))
      EVENT_BUS               = local.event_bus == null ? "" : local.event_bus.name
      EVENT_SOURCE            = local.event_bus == null ? "" : module.ends["ends"].source
      DELETIONS_OF            = local.deletions_of == null ? "" : local.deletions_of
      CLOUDFRONT_DOMAIN       = local.delivery_domain
      CLOUDFRONT_PUBLIC_PATHS = var.delivery.public ? "*" : join(",", var.delivery.public_paths)

      RECORD_DAYS = tostring(var.record_days)
    },
    { for kind, setting in local.kinds : "FALLBACK_${setting.queue_variable}" => contains(keys(module.compute.on_demand_job_queues), kind) ? module.queues.requests[kind].url : "" },
  )

  metrics_namespace = "DataPipeline/${var.name}"

  # Apart from the others, which name the job definitions.
  job_environment = merge(local.log_environment, {
    S3_OUTPUT         = "s3://${module.storage.buckets["output"].name}"
    SNS_NOTIF         = module.notifications.jobs_topic_arn
    METRICS           = "emf"
    METRICS_NAMESPACE = local.metrics_namespace
    TMPDIR            = local.scratch_folder
    PRICE_VCPU_HOUR   = tostring(local.prices.vcpu_hour)
    PRICE_GIB_HOUR    = tostring(local.prices.gib_hour)
    }, {
    for engine, setting in var.engines : "${upper(engine)}_PER_SECOND" => tostring(setting.per_second) if setting.per_second != null
  })

  # What operations of a kind ask of an engine (crates/catalog/src/service.rs; a test compares).
  engine_actions = {
    document = {
      textract   = ["textract:DetectDocumentText"]
      comprehend = ["comprehend:DetectDominantLanguage", "comprehend:DetectEntities", "comprehend:DetectKeyPhrases", "comprehend:DetectSentiment"]
    }
    image = {
      rekognition = ["rekognition:DetectFaces", "rekognition:DetectLabels", "rekognition:DetectModerationLabels", "rekognition:DetectText"]
      textract    = ["textract:DetectDocumentText"]
    }
  }

  # A function is charged by its memory alone: 1,769 MB come with one vCPU. Workers cost what jobs without Spot do.
  fast_environment = merge(local.job_environment, var.fast_path.by != "lambda" ? {} : {
    PRICE_VCPU_HOUR = "0"
    PRICE_GIB_HOUR  = tostring(var.job_architecture == "ARM64" ? local.lambda_gib_hour.arm64 : local.lambda_gib_hour.x86_64)
  })
  lambda_gib_hour = { x86_64 = 0.06, arm64 = 0.048 }

  # US dollars in us-east-1 (docs/cost/prices-us-east-1.toml; a test compares): what estimates are made of unless the installation has its own.
  list_prices = {
    FARGATE_X86_64 = { vcpu_hour = 0.04048, gib_hour = 0.004445 }
    FARGATE_ARM64  = { vcpu_hour = 0.03238, gib_hour = 0.00356 }
    EC2            = { vcpu_hour = 0.0425, gib_hour = 0 }
  }
  spot_share = var.spot ? { FARGATE = 0.3, EC2 = 0.4, EKS = 0.4 }[var.compute] : 1
  list_price = local.list_prices[var.compute == "FARGATE" ? "FARGATE_${var.job_architecture}" : "EC2"]
  prices = {
    vcpu_hour = coalesce(var.budget.vcpu_hour_usd, local.list_price.vcpu_hour * local.spot_share)
    gib_hour  = coalesce(var.budget.gib_hour_usd, local.list_price.gib_hour * local.spot_share)
  }

  log_environment = { for name, value in { RUST_LOG = var.log_level } : name => value if value != null }

  processing_rules = [for rule in var.processing_rules : {
    for name, value in { glob = rule.glob, kind = rule.kind, processingOption = rule.processing_option, fast = rule.fast } : name => value if value != null
  }]

  resource_bounds = {
    for kind, setting in var.kinds : kind => {
      for name, bound in { min = setting.min, max = setting.max } : name => { vcpus = bound.vcpus, memoryMib = bound.memory_mib } if bound != null
    } if setting.min != null || setting.max != null
  }

  delivery_domain = var.delivery.enabled ? module.delivery["results"].domain : ""
  deletions_of    = var.delete_results_with_upload ? module.storage.buckets["input"].name : null
  # Those over on-demand capacity alone beside the kinds' own.
  job_queue_arns = merge(
    { for kind, queue in module.compute.job_queues : kind => queue.arn },
    { for kind, queue in module.compute.on_demand_job_queues : "${kind}-on-demand" => queue.arn },
  )
  mapping_arns    = [for id in concat(values(module.dispatch.mappings), values(module.fast.mappings)) : "arn:${local.partition}:lambda:${local.region}:${data.aws_caller_identity.current.account_id}:event-source-mapping:${id}"]
  has_shares      = var.shares.by != null || var.shares.max_priority > 0
  has_budget      = var.budget.day_usd != null || var.budget.month_usd != null
  event_bus       = var.upload_events.bus == null ? null : module.ends["ends"].bus
  signing_key_ids = var.delivery.enabled ? module.delivery["results"].signing_key_ids : {}
}

module "network" {
  source = "../network"

  name                = var.name
  region              = local.region
  network             = var.network
  container_instances = var.compute != "FARGATE"
  # Warm workers ask their queues themselves.
  engines = concat(keys(var.engines), var.fast_path.enabled && var.fast_path.by == "workers" ? ["sqs"] : [])

  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
  iam                = local.iam
}

module "storage" {
  source = "../storage"

  name                 = var.name
  region               = local.region
  kms_key_arn          = var.kms_key_arn
  force_destroy        = var.force_destroy
  lifecycles           = { input = var.input_lifecycle, output = var.output_lifecycle }
  cors_allowed_origins = var.cors_allowed_origins
  delivered            = var.delivery.enabled
  distribution_arn     = var.delivery.enabled ? module.delivery["results"].distribution_arn : null
  access_logs          = var.delivery.access_logs
  existing             = var.existing_buckets
  removals_queue_arn   = module.results.removals_queue_arn
}

module "registry" {
  source = "../registry"

  name          = var.name
  jobs          = { for kind, setting in local.kinds_as_shipped : kind => setting.job }
  kms_key_arn   = var.kms_key_arn
  force_destroy = var.force_destroy
}

module "tables" {
  source = "../tables"

  name                = var.name
  kms_key_arn         = var.kms_key_arn
  deletion_protection = !var.force_destroy
  capacity            = var.table_capacity
}

module "notifications" {
  source = "../notifications"

  name          = var.name
  kms_key_arn   = var.kms_key_arn
  subscriptions = var.notification_subscriptions
  alarm_emails  = var.alarms.emails
}

module "queues" {
  source = "../queues"

  name                       = var.name
  kms_key_arn                = var.kms_key_arn
  dead_letter_after_receives = local.dead_letter_after_receives
  queues                     = { for kind in keys(local.kinds_as_shipped) : kind => { visibility_seconds = local.queue_visibility_seconds } }

  undelivered = {
    undelivered-uploads = ["arn:${local.partition}:events:${local.region}:${data.aws_caller_identity.current.account_id}:rule/${var.name}-*"]
    undelivered-results = [
      "arn:${local.partition}:events:${local.region}:${data.aws_caller_identity.current.account_id}:rule/${var.name}-*",
      "arn:${local.partition}:sns:${local.region}:${data.aws_caller_identity.current.account_id}:${var.name}-*",
    ]
  }
}

module "intake" {
  source = "../intake"

  name            = var.name
  function        = local.functions["classify"]
  environment     = local.environments["classify"]
  input_bucket    = module.storage.buckets["input"]
  input_table_arn = module.tables.tables["input"].arn
  queue_arns = merge(
    { for kind, queue in module.queues.requests : kind => queue.arn },
    { for kind, queue in module.fast.queues : "${kind}-fast" => queue.arn },
  )
  topic_arn             = module.notifications.jobs_topic_arn
  reconcile_minutes     = var.reconcile.minutes
  undelivered_queue_arn = module.queues.undelivered["undelivered-uploads"].arn
}

module "fast" {
  source = "../fast"

  name   = var.name
  region = local.region
  kinds = {
    for kind in var.fast_path.enabled ? var.fast_path.kinds : [] : kind => {
      job            = local.kinds_as_shipped[kind].job
      image          = local.kinds[kind].image
      repository     = "${var.name}/${local.kinds_as_shipped[kind].job}"
      repository_arn = module.registry.repository_arns[kind]
      queue_variable = local.kinds_as_shipped[kind].queue_variable
      ordinary_queue = { url = module.queues.requests[kind].url, arn = module.queues.requests[kind].arn }
    }
  }
  settings           = var.fast_path
  architecture       = var.job_architecture == "ARM64" ? "arm64" : "x86_64"
  environment        = local.fast_environment
  scratch_folder     = local.scratch_folder
  input_bucket       = module.storage.buckets["input"]
  output_bucket      = module.storage.buckets["output"]
  topic_arn          = module.notifications.jobs_topic_arn
  subnet_ids         = module.network.subnet_ids
  security_group_id  = module.network.security_group_id
  public_addresses   = module.network.public_addresses
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
  iam                = local.iam
}

module "dispatch" {
  source = "../dispatch"

  name                   = var.name
  function               = local.functions["dispatch"]
  environment            = local.environments["dispatch"]
  timeout_seconds        = local.dispatch_timeout_seconds
  batching               = var.dispatch
  queue_arns             = { for kind, queue in module.queues.requests : kind => queue.arn }
  dead_letter_queue_arns = { for kind, queue in module.queues.dead_letters : kind => queue.arn }
  job_queue_arns         = local.job_queue_arns
  job_definition_arns = merge(
    { for kind, definition in module.compute.job_definitions : kind => definition.arn },
    { for kind, definition in module.compute.small_disk_definitions : "${kind}-small-disk" => definition.arn },
  )
  input_table_arn = module.tables.tables["input"].arn
  work_bucket     = module.storage.buckets["work"]
  topic_arn       = module.notifications.jobs_topic_arn
}

module "compute" {
  source = "../compute"

  name               = var.name
  region             = local.region
  compute            = var.compute
  architecture       = var.job_architecture
  ec2                = var.ec2
  eks                = var.eks
  kinds              = local.kinds
  spot_fallback      = var.spot_fallback
  shares             = local.has_shares ? var.shares : null
  repository_arns    = module.registry.repository_arns
  environment        = local.job_environment
  engine_actions     = { for kind, engines in local.engine_actions : kind => flatten([for engine, actions in engines : actions if contains(keys(var.engines), engine)]) }
  media_convert      = lookup(var.engines, "mediaconvert", null)
  scratch_folder     = local.scratch_folder
  input_bucket       = module.storage.buckets["input"]
  output_bucket      = module.storage.buckets["output"]
  work_bucket        = module.storage.buckets["work"]
  topic_arn          = module.notifications.jobs_topic_arn
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.subnet_ids
  security_group_id  = module.network.security_group_id
  public_addresses   = module.network.public_addresses
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
  tags               = local.tags
  iam                = local.iam
}

module "results" {
  source = "../results"

  name                  = var.name
  function              = local.functions["output"]
  environment           = local.output_environment
  output_bucket         = module.storage.buckets["output"]
  removals_by_bus       = var.existing_buckets.output != null
  account_id            = data.aws_caller_identity.current.account_id
  work_bucket           = module.storage.buckets["work"]
  table_arns            = { for table, this in module.tables.tables : table => this.arn }
  topic_arn             = module.notifications.jobs_topic_arn
  job_queue_arns        = local.job_queue_arns
  fallback_queue_arns   = [for kind in keys(module.compute.on_demand_job_queues) : module.queues.requests[kind].arn]
  reconcile_minutes     = var.reconcile.minutes
  deletions_of          = local.deletions_of
  mapping_arns          = local.mapping_arns
  has_budget            = local.has_budget
  event_bus_arn         = local.event_bus == null ? null : local.event_bus.arn
  batching              = var.record
  kms_key_arn           = var.kms_key_arn
  undelivered_queue_arn = module.queues.undelivered["undelivered-results"].arn
}

module "ends" {
  source   = "../ends"
  for_each = var.upload_events.bus == null ? toset([]) : toset(["ends"])

  name           = var.name
  own_bus        = var.upload_events.bus == "own"
  bus            = var.upload_events.bus
  webhook        = var.upload_events.webhook
  webhook_secret = var.webhook_secret
  kms_key_arn    = var.kms_key_arn
  iam            = local.iam
}

module "delivery" {
  source   = "../delivery"
  for_each = var.delivery.enabled ? toset(["results"]) : toset([])

  name       = var.name
  bucket     = module.storage.buckets["output"]
  log_bucket = lookup(module.storage.buckets, "logs", null)
  delivery   = var.delivery

  global_name          = "${var.name}-${local.region}"
  cors_allowed_origins = var.cors_allowed_origins
}

module "canary" {
  source   = "../canary"
  for_each = var.alarms.canary_minutes > 0 ? toset(["picture"]) : toset([])

  name                  = var.name
  minutes               = var.alarms.canary_minutes
  input_bucket          = module.storage.buckets["input"]
  kms_key_arn           = var.kms_key_arn
  undelivered_queue_arn = module.queues.undelivered["undelivered-uploads"].arn
  iam                   = local.iam
}

module "monitoring" {
  source = "../monitoring"

  name   = var.name
  region = local.region

  kinds = {
    for kind in keys(local.kinds_as_shipped) : kind => {
      queue_name        = module.queues.requests[kind].name
      dead_letters_name = module.queues.dead_letters[kind].name
      job_queue_arn     = module.compute.job_queues[kind].arn
      log_group_name    = module.compute.log_group_names[kind]
    }
  }

  events_queue_name       = module.results.queue.name
  undelivered_queue_names = sort([for queue in module.queues.undelivered : queue.name])
  undelivered_queue_arn   = module.queues.undelivered["undelivered-results"].arn
  function_names = {
    classify = module.intake.function_name
    dispatch = module.dispatch.function_name
    output   = module.results.function_name
  }
  table_names           = { for table, this in module.tables.tables : table => this.name }
  bucket_names          = { for bucket in ["input", "output"] : bucket => module.storage.buckets[bucket].name }
  index_names           = module.tables.index_names
  rule_names            = merge({ for role, rule in module.intake.rules : role => rule.name }, { for role, rule in module.results.rules : role => rule.name })
  output_log_group_name = module.results.log_group_name
  namespace             = local.metrics_namespace
  compute               = var.compute
  max_vcpus             = sum([for setting in local.kinds_as_changed : setting.max_vcpus])
  s3_request_metrics    = var.alarms.s3_request_metrics
  has_budget            = local.has_budget
  fast_queue_names      = { for kind, queue in module.fast.queues : kind => queue.name }
  fast_function_names   = module.fast.function_names
  has_webhook           = var.upload_events.webhook != null
  unheard_queue_name    = try(module.ends["ends"].unheard_queue_name, null)
  distribution_id       = var.delivery.enabled ? module.delivery["results"].distribution_id : null
  delivered             = var.delivery.enabled
  topic_arn             = module.notifications.alarms_topic_arn
  thresholds            = var.alarms
  log_retention_days    = var.log_retention_days
  kms_key_arn           = var.kms_key_arn
}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_default_tags" "current" {}

locals {
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition
}
