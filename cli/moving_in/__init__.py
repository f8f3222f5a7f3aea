"""`softask import users`: what the system in use before knew, so that nobody is asked again."""
