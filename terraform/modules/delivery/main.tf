# Results over CloudFront: HTTPS only, and the bucket answers nobody else.

locals {
  # Policies that AWS maintains, the same in every account.
  # Keeps what the origin's Cache-Control allows, a day by default, compressed variants apart.
  caching_optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  # Passes the CORS headers on, which S3 answers by the bucket's rules.
  cors_s3_origin = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
  # HSTS, nosniff, frame and referrer policy; and CORS for any origin, with preflight.
  cors_and_security_headers = "eaab4381-ed33-4a86-88ca-d9558dc6cd63"

  signed = length(var.delivery.signing_public_keys) > 0
}

resource "aws_cloudfront_origin_access_control" "results" {
  name                              = "${var.name}-results"
  description                       = "CloudFront signs its requests to the bucket of the results"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "results" {
  # checkov:skip=CKV_AWS_68:A web ACL is by variable (delivery.web_acl_arn): read-only objects behind a cache, and it costs by the request.
  # checkov:skip=CKV2_AWS_47:As CKV_AWS_68: no program behind the distribution evaluates requests.
  # checkov:skip=CKV_AWS_86:Access logs are by variable (delivery.access_logs).
  # checkov:skip=CKV_AWS_174:CloudFront's own certificate fixes the minimum protocol; with host names it is TLSv1.2_2021.
  # checkov:skip=CKV_AWS_305:There is no page to show at the root of a bucket of results.
  # checkov:skip=CKV_AWS_310:One bucket in one region is the origin; a second one would be a replica (CKV_AWS_144).
  # checkov:skip=CKV_AWS_374:Results are for whoever may have them, wherever they are; sign URLs to restrict it.
  # checkov:skip=CKV2_AWS_32:The policy is AWS's own (cors_and_security_headers), which is no resource of ours.
  # checkov:skip=CKV2_AWS_42:CloudFront's own certificate unless host names are given.
  # checkov:skip=CKV2_AWS_46:The bucket is reached by origin access control, which replaced the origin access identity.
  enabled         = true
  comment         = "Results of ${var.name}"
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = var.delivery.price_class
  aliases         = var.delivery.host_names
  web_acl_id      = var.delivery.web_acl_arn

  origin {
    origin_id                = "results"
    domain_name              = var.bucket.host_name
    origin_access_control_id = aws_cloudfront_origin_access_control.results.id
  }

  default_cache_behavior {
    target_origin_id           = "results"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = local.caching_optimized
    origin_request_policy_id   = local.cors_s3_origin
    response_headers_policy_id = local.cors_and_security_headers
    trusted_key_groups         = local.signed ? [aws_cloudfront_key_group.signers["signers"].id] : null
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.delivery.certificate_arn == null
    acm_certificate_arn            = var.delivery.certificate_arn
    ssl_support_method             = var.delivery.certificate_arn == null ? null : "sni-only"
    minimum_protocol_version       = var.delivery.certificate_arn == null ? "TLSv1" : "TLSv1.2_2021"
  }

  dynamic "logging_config" {
    for_each = var.delivery.access_logs ? [var.log_bucket] : []

    content {
      bucket          = logging_config.value.host_name
      prefix          = "cloudfront/"
      include_cookies = false
    }
  }
}

resource "aws_cloudfront_public_key" "signer" {
  for_each = var.delivery.signing_public_keys

  name        = "${var.name}-${each.key}"
  comment     = "Checks signed URLs of ${var.name}"
  encoded_key = each.value

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudfront_key_group" "signers" {
  for_each = local.signed ? toset(["signers"]) : toset([])

  name    = "${var.name}-signers"
  comment = "Who may sign URLs of ${var.name}"
  items   = [for key in aws_cloudfront_public_key.signer : key.id]
}
