"""What crosses HTTP: bytes to messages, decisions to bytes, and errors with a place."""
