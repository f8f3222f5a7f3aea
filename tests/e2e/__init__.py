"""A deployment for real, by `make e2e`: the CDK CLI, an emulator of AWS on loopback, and HTTPS."""
