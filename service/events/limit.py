"""How many events go in one call: for whoever sends them, and whoever reads them."""

MAX_EVENTS = 1000
