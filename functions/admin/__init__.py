"""Lambda: operating live: campaigns, settings, why a user was not asked, moving users in."""
