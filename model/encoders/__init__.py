"""Frozen encoders: raw content in, features out."""
