"""How methods are compared: over split seeds, with intervals that respect users and items."""
