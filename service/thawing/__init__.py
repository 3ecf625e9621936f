"""What events change: how users stand to items, where users lie by it, how far items have thawed."""
