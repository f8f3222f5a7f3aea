"""What `softask doctor` looks at, what it makes of it, and what to do next."""
