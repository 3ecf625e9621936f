"""What every request meets on its way to a route and back: its connection, its bounds, its key, its name, its problem."""
