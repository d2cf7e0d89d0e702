# The results over CloudFront: HTTPS only, the bucket answers nobody else, and readers need a signature unless somebody said that
# results are public.

locals {
  # Passes the headers of a preflight on, which S3 answers by the bucket's rules. AWS maintains it, the same in every account.
  cors_s3_origin = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"

  has_keys = length(var.delivery.signing_public_keys) > 0

  # Results keep their key when an upload is overwritten. So copies are good for as long as max_age_seconds says, and what names
  # other objects (manifests, playlists) for some seconds: a player must not mix the segments of two runs.
  copies = {
    results = { seconds = var.delivery.max_age_seconds, most_seconds = 31536000 }
    indexes = { seconds = 5, most_seconds = 60 }
  }
  index_endings = ["manifest.json", ".m3u8", ".mpd"]

  # CloudFront takes the first that fits: indexes below public paths, public paths, other indexes; then the default.
  behaviors = concat(
    flatten([for path in var.delivery.public_paths : concat(
      [for ending in local.index_endings : { path = "${path}${ending}", copies = "indexes", is_public = true }],
      [{ path = path, copies = "results", is_public = true }],
    )]),
    [for ending in local.index_endings : { path = "*${ending}", copies = "indexes", is_public = var.delivery.public }],
  )

  cache_policy_ids            = { for copies, policy in aws_cloudfront_cache_policy.this : copies => policy.id }
  response_headers_policy_ids = { for copies, policy in aws_cloudfront_response_headers_policy.this : copies => policy.id }

  # Empty, not null: the provider takes null as "what is there". Until there are keys, this account alone may sign, which needs a key pair of its root user: nobody reads results.
  trusted_key_groups = local.has_keys ? [aws_cloudfront_key_group.signers["signers"].id] : []
  trusted_signers    = local.has_keys ? [] : ["self"]
}

resource "aws_cloudfront_origin_access_control" "results" {
  name                              = "${var.global_name}-results"
  description                       = "CloudFront signs its requests to the bucket of the results"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "this" {
  for_each = local.copies

  name        = "${var.global_name}-${each.key}"
  comment     = "How long CloudFront keeps ${each.key} of ${var.name}"
  min_ttl     = 0
  default_ttl = each.value.seconds
  max_ttl     = each.value.most_seconds

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# CloudFront itself says which origins may read, whatever S3 said when the copy was made.
resource "aws_cloudfront_response_headers_policy" "this" {
  for_each = local.copies

  # checkov:skip=CKV_AWS_259:HTTPS is demanded for a year. Whether all subdomains follow and the name is preloaded into browsers is for the owner of the host name to say.

  name    = "${var.global_name}-${each.key}"
  comment = "Headers of the ${each.key} of ${var.name}"

  dynamic "cors_config" {
    for_each = length(var.cors_allowed_origins) > 0 ? [var.cors_allowed_origins] : []

    content {
      # Signed cookies travel with requests of another origin only if it is allowed.
      access_control_allow_credentials = local.has_keys
      access_control_max_age_sec       = 3600
      origin_override                  = true

      access_control_allow_headers {
        items = ["If-Modified-Since", "If-None-Match", "Range"]
      }

      access_control_allow_methods {
        items = ["GET", "HEAD", "OPTIONS"]
      }

      access_control_allow_origins {
        items = cors_config.value
      }

      access_control_expose_headers {
        items = ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"]
      }
    }
  }

  # Where an object says something itself, that counts.
  custom_headers_config {
    items {
      header   = "Cache-Control"
      value    = "max-age=${each.value.seconds}"
      override = false
    }
  }

  security_headers_config {
    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "SAMEORIGIN"
      override     = false
    }

    referrer_policy {
      referrer_policy = "strict-origin-when-cross-origin"
      override        = false
    }

    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = false
    }
  }
}

resource "aws_cloudfront_distribution" "results" {
  # checkov:skip=CKV2_AWS_32:Each behaviour has one, by a local value that the check does not follow.
  # checkov:skip=CKV_AWS_68:A web ACL is by variable (delivery.web_acl_arn): read-only objects behind a cache, and it costs by the request.
  # checkov:skip=CKV2_AWS_47:As CKV_AWS_68: no program behind the distribution evaluates requests.
  # checkov:skip=CKV_AWS_86:Access logs are by variable (delivery.access_logs).
  # checkov:skip=CKV_AWS_174:CloudFront's own certificate fixes the minimum protocol; with host names it is TLSv1.2_2021.
  # checkov:skip=CKV_AWS_310:One bucket in one region is the origin; a second one would be a replica (CKV_AWS_144).
  # checkov:skip=CKV_AWS_374:Results are for whoever may have them, wherever they are; a signature restricts it.
  # checkov:skip=CKV2_AWS_42:CloudFront's own certificate unless host names are given.
  # checkov:skip=CKV2_AWS_46:The bucket is reached by origin access control, which replaced the origin access identity.
  enabled         = true
  comment         = "Results of ${var.name}"
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = var.delivery.price_class
  aliases         = var.delivery.host_names
  web_acl_id      = var.delivery.web_acl_arn

  # There is no such object. Without it, a request for the root would be S3's request for the list of the bucket, for which
  # CloudFront has the right, so that what is not there is 404 and not 403.
  default_root_object = "index.html"

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
    cache_policy_id            = local.cache_policy_ids["results"]
    origin_request_policy_id   = local.cors_s3_origin
    response_headers_policy_id = local.response_headers_policy_ids["results"]
    trusted_key_groups         = var.delivery.public ? [] : local.trusted_key_groups
    trusted_signers            = var.delivery.public ? [] : local.trusted_signers
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.behaviors
    iterator = behavior

    content {
      path_pattern               = behavior.value.path
      target_origin_id           = "results"
      viewer_protocol_policy     = "redirect-to-https"
      allowed_methods            = ["GET", "HEAD", "OPTIONS"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = true
      cache_policy_id            = local.cache_policy_ids[behavior.value.copies]
      origin_request_policy_id   = local.cors_s3_origin
      response_headers_policy_id = local.response_headers_policy_ids[behavior.value.copies]
      trusted_key_groups         = behavior.value.is_public ? [] : local.trusted_key_groups
      trusted_signers            = behavior.value.is_public ? [] : local.trusted_signers
    }
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

  # A key cannot be changed, so another one under the same name is another key.
  name        = "${var.global_name}-${each.key}-${substr(sha256(each.value), 0, 8)}"
  comment     = "Checks signed URLs of ${var.name}"
  encoded_key = each.value

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudfront_key_group" "signers" {
  for_each = local.has_keys ? toset(["signers"]) : toset([])

  name    = "${var.global_name}-signers"
  comment = "Who may sign URLs of ${var.name}"
  items   = [for key in aws_cloudfront_public_key.signer : key.id]
}
