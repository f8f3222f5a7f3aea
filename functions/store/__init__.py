"""DynamoDB through pynamodb, a file a table."""
