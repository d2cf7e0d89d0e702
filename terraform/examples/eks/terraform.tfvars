# Jobs as pods of an EKS cluster that exists already. What the cluster needs: docs/deploy.md, "On an existing EKS
# cluster".
#
#     make lambda-zips
#     cd terraform && terraform init && terraform apply -var-file=examples/eks/terraform.tfvars
#     terraform output -raw eks_manifests | kubectl apply -f -

name   = "media-eks"
region = "us-east-1"

compute = "EKS"

eks = {
  cluster_arn = "arn:aws:eks:us-east-1:123456789012:cluster/media"
  namespace   = "media-jobs"
}

# The cluster's own network, so that nodes reach its API.
network = {
  vpc_id     = "vpc-0123456789abcdef0"
  subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
}
