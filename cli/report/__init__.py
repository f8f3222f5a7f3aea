"""`softask report`: what the ledger counted, and what may be said of it."""
