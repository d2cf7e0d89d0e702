# Two installations of one account, side by side.

mock_provider "aws" {
  source = "../../tests/mocks"
}

mock_provider "aws" {
  alias  = "frankfurt"
  source = "../../tests/mocks"
}

run "two_regions_in_one_root" {
  assert {
    condition     = output.uploads["us-east-1"] != output.uploads["eu-central-1"]
    error_message = "One makes its buckets, the other uses those that exist."
  }

  assert {
    condition     = output.existing_bucket_settings["output"].versioning == "Enabled" && length(jsondecode(output.existing_bucket_settings["output"].policy_statements)) == 2
    error_message = "The owner of existing buckets is told what they need."
  }
}
