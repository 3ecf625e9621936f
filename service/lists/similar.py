"""Items like an item."""

from service.index.protocol import Candidate, Index
from service.index.where import Where
from service.lists.served_embedding import served_embedding
from service.space import Space
from service.store.store import Store


class Similar:
    """Compares served embeddings by the cosine of their taste: what is popular is not like everything."""

    def __init__(self, space: Space, store: Store, index: Index) -> None:
        self._space, self._store, self._index = space, store, index

    def items(self, item_id: str, k: int, *, cold_only: bool, where: Where | None) -> list[Candidate]:
        """
        The k items most like an item, itself left out; none where the item has no embedding.

        Raises:
            UnknownItem: no such item was posted.
        """
        embedding = served_embedding(self._space, self._store, self._index, item_id)
        if embedding is None:
            return []
        taste = embedding[: self._space.taste_width]
        return self._index.search_angle(taste, k, cold_only=cold_only, where=where, exclude=[item_id])
