"""What users did comes in, and grows too old to keep."""
