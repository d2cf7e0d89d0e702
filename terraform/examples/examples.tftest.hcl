# Each example makes a whole installation: scripts/terraform-test runs this once for each of them, with its variables.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_example_makes_an_installation" {
  assert {
    condition     = length(output.installation.job_definitions) == 4 && length(output.submit_job) == 4
    error_message = "Four kinds, each with its job."
  }
}
