# The emulator has no service-linked roles and wants one named.
resource "aws_iam_role" "emulated_batch" {
  name = "emulated-batch"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "batch.amazonaws.com" } }]
  })
}
