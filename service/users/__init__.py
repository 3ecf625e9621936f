"""Where users lie: from a cache, else from the checkpoint and what they did."""
