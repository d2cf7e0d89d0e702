# The least: everything has a default, nothing costs much when idle (docs/cost.md).
#
#     make lambda-zips
#     cd terraform && terraform init && terraform apply -var-file=examples/minimal/terraform.tfvars

name   = "media"
region = "us-east-1"
