output "jobs_topic_arn" {
  description = "Tells how each job ended (SNS_NOTIF)."
  value       = aws_sns_topic.this["jobs"].arn
}

output "alarms_topic_arn" {
  description = "Takes every alarm."
  value       = aws_sns_topic.this["alarms"].arn
}
