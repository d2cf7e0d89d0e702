output "tables" {
  description = "Name and ARN of the tables `input` and `output`."
  value       = { for table, this in aws_dynamodb_table.this : table => { name = this.name, arn = this.arn } }
}
