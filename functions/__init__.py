"""What runs on Lambda. Imports nothing of `infra` or `cli`."""
