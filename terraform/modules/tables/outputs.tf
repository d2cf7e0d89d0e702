output "tables" {
  description = "Name and ARN of the tables `input` and `output`."
  value       = { for table, this in aws_dynamodb_table.this : table => { name = this.name, arn = this.arn } }
}

output "index_names" {
  description = "Names of the indexes of the tables `input` and `output`."
  value       = { for table, setting in local.tables : table => sort(keys(setting.indexes)) }
}
