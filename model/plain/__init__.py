"""The plain data folder, as both halves read it: its items table, its pictures, its bad rows."""
