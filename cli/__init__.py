"""The `softask` command, and the tools that read campaign files at build time."""
