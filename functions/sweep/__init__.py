"""Lambda: EventBridge's periodic pass over the retry windows that ended."""
