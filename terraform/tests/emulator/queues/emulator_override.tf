# The emulator forgets a queue's RedriveAllowPolicy, and the provider waits for it for as long as it may.

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  for_each = {}
}
