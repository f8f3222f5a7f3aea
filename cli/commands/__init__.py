"""What operators do with a running Softask: one module a group of commands."""
