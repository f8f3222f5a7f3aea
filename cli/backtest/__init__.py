"""`softask backtest`: recorded events through the `decide` that runs in production.

lines ──► recording ──► chronicle ──► world (profiles, phone, tally) ──► figures ──► page
bytes     who, when     in order      one for each campaign             report      or picture
"""
