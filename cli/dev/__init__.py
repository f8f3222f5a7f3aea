"""`softask dev`: the functions behind a real HTTP server on loopback, with a clock to move."""
