"""Items and their embeddings: the truth, from which everything else can be built again."""
