# The emulator has no policies of caches and headers: AWS's own stand in for them.

resource "aws_cloudfront_cache_policy" "this" {
  for_each = {}
}

resource "aws_cloudfront_response_headers_policy" "this" {
  for_each = {}
}

locals {
  cache_policy_ids            = { results = "658327ea-f89d-4fab-a63d-7e88639e58f6", indexes = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" }
  response_headers_policy_ids = { results = "eaab4381-ed33-4a86-88ca-d9558dc6cd63", indexes = "eaab4381-ed33-4a86-88ca-d9558dc6cd63" }
}
