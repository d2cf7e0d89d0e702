# Video jobs on instances with an NVIDIA GPU. The video image of this repository does not use one: give an image of your
# own, built on an FFmpeg with NVENC.
#
#     make lambda-zips
#     cd terraform && terraform init && terraform apply -var-file=examples/gpu/terraform.tfvars

name   = "media-gpu"
region = "us-east-1"

compute = "EC2"

ec2 = {
  gpu_instance_types = ["g4dn", "g5"]
}

kinds = {
  video = { gpus = 1, vcpus = 4, memory_mib = 15000 }
}

images = {
  video = "123456789012.dkr.ecr.us-east-1.amazonaws.com/video-job-nvenc:1"
}
