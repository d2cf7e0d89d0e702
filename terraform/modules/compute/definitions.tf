# What a job is: `<kind>-job run` on one object, or on a slice of a list. Dispatch and people give the parameters.

locals {
  # Fargate's disk is paid for by its size, which belongs to the definition. Work that reads ranges needs little of it, so a kind with
  # a large disk has a second definition; dispatch chooses. On EC2 and EKS the disk is the instance's.
  small_disk_gib = 21
  with_small_disk = {
    for kind, setting in var.kinds : "${kind}-small-disk" => merge(setting, { disk_gib = local.small_disk_gib }) if var.compute == "FARGATE" && setting.disk_gib > local.small_disk_gib
  }
  kind_of     = merge({ for kind in keys(var.kinds) : kind => kind }, { for kind in keys(var.kinds) : "${kind}-small-disk" => kind })
  definitions = merge(var.kinds, local.with_small_disk)

  # An operation that needs more than it may have ends by itself with a reason, before AWS Batch or the kernel ends the job:
  # an eighth of the memory and a fifth of the time are the job's own.
  commands = {
    for kind, setting in var.kinds : kind => [
      "run", "--input", "Ref::input", "--processing-option", "Ref::processingOption",
      "--memory-limit", "${setting.memory_mib - floor(setting.memory_mib / 8)}MiB",
    ]
  }

  # On EC2 vCPUs are a weight (CpuShares): a container sees all processors of its host, so the job is told how many are meant
  # for it. Dispatch tells each job its own number. Only Fargate tells containers their region.
  variables = {
    for kind, setting in var.kinds : kind => merge(
      {
        JOB_TIME_LIMIT = tostring(floor(setting.timeout_seconds * 0.8 / setting.time_factor))
        JOB_PROCESSORS = tostring(setting.vcpus)
        AWS_REGION     = var.region
      },
      lookup(local.media_convert_environment, kind, {}),
      var.environment,
    )
  }

  # What is tried again: what the project's exit codes (crates/contract/src/failure.rs) call temporary, a host that went away,
  # and a container that did not start. AWS Batch takes five rules, so each place has those that can happen there. The words
  # are AWS's: "Automated job retries" in the guide of AWS Batch, "Stopped tasks error codes" in that of ECS.
  retried = {
    FARGATE = [
      { on_exit_code = "75" },
      { on_status_reason = "Your Spot Task was interrupted*" },
      { on_status_reason = "Task failed to start*" },
      { on_status_reason = "Timeout waiting for network interface provisioning*" },
    ]
    EC2 = [
      { on_exit_code = "75" },
      { on_status_reason = "Host EC2*" },
      { on_status_reason = "Task failed to start*" },
      { on_reason = "DockerTimeoutError*" },
    ]
    EKS = [
      { on_exit_code = "75" },
      { on_status_reason = "Host EC2*" },
    ]
  }

  # The images' user, without any name or right.
  user = 65532

  ecs_properties = {
    for definition, setting in local.definitions : definition => merge(
      {
        image            = setting.image
        command          = local.commands[local.kind_of[definition]]
        jobRoleArn       = aws_iam_role.job[local.kind_of[definition]].arn
        executionRoleArn = aws_iam_role.execution[local.kind_of[definition]].arn
        user             = "${local.user}:${local.user}"
        environment      = [for variable, value in local.variables[local.kind_of[definition]] : { name = variable, value = value }]

        resourceRequirements = concat(
          [
            { type = "VCPU", value = tostring(setting.vcpus) },
            { type = "MEMORY", value = tostring(setting.memory_mib) },
          ],
          setting.gpus > 0 ? [{ type = "GPU", value = tostring(setting.gpus) }] : [],
        )

        # The first process of a container has to bury orphans, and no platform brings one by itself.
        linuxParameters        = { initProcessEnabled = true }
        readonlyRootFilesystem = true
        volumes                = [{ name = "scratch" }]
        mountPoints            = [{ sourceVolume = "scratch", containerPath = var.scratch_folder, readOnly = false }]

        logConfiguration = {
          logDriver = "awslogs"
          options = {
            awslogs-group         = aws_cloudwatch_log_group.job[local.kind_of[definition]].name
            awslogs-region        = var.region
            awslogs-stream-prefix = "job"
          }
        }
      },
      { for name, value in {
        networkConfiguration         = { assignPublicIp = var.public_addresses ? "ENABLED" : "DISABLED" }
        ephemeralStorage             = { sizeInGiB = setting.disk_gib }
        fargatePlatformConfiguration = { platformVersion = "LATEST" }
        runtimePlatform              = { cpuArchitecture = var.architecture, operatingSystemFamily = "LINUX" }
      } : name => value if var.compute == "FARGATE" },
      # Fargate grants no such right and refuses the word.
      { for name, value in { privileged = false } : name => value if var.compute == "EC2" },
    ) if var.compute != "EKS"
  }
}

resource "aws_batch_job_definition" "kind" {
  for_each = local.definitions

  # checkov:skip=CKV_AWS_210:privileged is false, where it can be said at all (not on Fargate).
  name                  = "${var.name}-${each.key}"
  type                  = "container"
  platform_capabilities = var.compute == "EKS" ? null : [var.compute]
  container_properties  = one([for definition, properties in local.ecs_properties : jsonencode(properties) if definition == each.key])
  propagate_tags        = var.compute == "EKS" ? null : true
  tags                  = { Kind = local.kind_of[each.key] }

  # What one installation's definition is without a parameter: `media` is refused by the job with a message that says so.
  parameters = {
    input            = "s3://${var.input_bucket.name}/"
    processingOption = ""
  }

  # The last line is needed: without a match AWS Batch would try again.
  retry_strategy {
    attempts = each.value.attempts

    dynamic "evaluate_on_exit" {
      for_each = local.retried[var.compute]

      content {
        action           = "RETRY"
        on_exit_code     = lookup(evaluate_on_exit.value, "on_exit_code", null)
        on_reason        = lookup(evaluate_on_exit.value, "on_reason", null)
        on_status_reason = lookup(evaluate_on_exit.value, "on_status_reason", null)
      }
    }

    evaluate_on_exit {
      action    = "EXIT"
      on_reason = "*"
    }
  }

  timeout {
    attempt_duration_seconds = each.value.timeout_seconds
  }

  dynamic "eks_properties" {
    for_each = var.compute == "EKS" ? [each.value] : []

    content {
      pod_properties {
        service_account_name = each.value.job
        host_network         = false

        containers {
          name              = each.value.job
          image             = each.value.image
          image_pull_policy = "IfNotPresent"
          args              = local.commands[each.key]

          dynamic "env" {
            for_each = local.variables[each.key]

            content {
              name  = env.key
              value = env.value
            }
          }

          resources {
            limits = merge(
              { cpu = tostring(each.value.vcpus), memory = "${each.value.memory_mib}Mi" },
              each.value.gpus > 0 ? { "nvidia.com/gpu" = tostring(each.value.gpus) } : {},
            )
            requests = { cpu = tostring(each.value.vcpus), memory = "${each.value.memory_mib}Mi" }
          }

          security_context {
            privileged                 = false
            read_only_root_file_system = true
            run_as_non_root            = true
            run_as_user                = local.user
            run_as_group               = local.user
          }

          volume_mounts {
            name       = "scratch"
            mount_path = var.scratch_folder
            read_only  = false
          }
        }

        volumes {
          name = "scratch"

          empty_dir {
            medium     = ""
            size_limit = "${each.value.disk_gib}Gi"
          }
        }

        metadata {
          labels = { kind = each.key, installation = var.name }
        }
      }
    }
  }
}

resource "aws_cloudwatch_log_group" "job" {
  for_each = var.kinds

  # checkov:skip=CKV_AWS_158:Encrypted with a key that AWS owns unless kms_key_arn is given.
  # checkov:skip=CKV_AWS_338:The retention is the user's choice (log_retention_days).
  name              = "/${var.name}/jobs/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}
