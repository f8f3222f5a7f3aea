"""Side-by-side ratios: Softask beside others on the same work, in one run."""
