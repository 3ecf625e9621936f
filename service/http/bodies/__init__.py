"""Requests' bodies become items and events."""
