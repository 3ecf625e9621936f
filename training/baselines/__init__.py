"""What the mixture must beat: simple methods, one a file, tuned on the same validation items."""
