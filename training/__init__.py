"""The offline half: from a folder of content and interactions to a checkpoint."""
