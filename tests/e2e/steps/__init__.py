"""The steps of a run: each takes the world, and says in a few words what was seen."""
