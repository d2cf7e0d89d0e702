# What is different in the module against an emulator, beside the provider's settings.

module "compute" {
  service_role_arn = aws_iam_role.emulated_batch.arn
}
