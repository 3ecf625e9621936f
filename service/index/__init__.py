"""Served embeddings, to search: derived from the store, and built again from it at every start."""
