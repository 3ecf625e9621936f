"""A user, or an item, becomes a list, best first."""
