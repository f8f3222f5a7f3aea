"""Lambda: the app's HTTPS calls."""
