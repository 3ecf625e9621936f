"""Where one item lies, be it in lists or not."""

from model.content import FloatArray
from service.errors import UnknownItem
from service.index.protocol import Index
from service.space import Space
from service.store.store import Store


def served_embedding(space: Space, store: Store, index: Index, item_id: str) -> FloatArray | None:
    """
    An item's embedding (D,) in the index, else the stored one, of an item that is hidden or expired.

    Returns:
        None for an item without an embedding in this space.

    Raises:
        UnknownItem: no such item was posted.
    """
    held = index.get([item_id])
    if held:
        return held[0].embedding
    item = store.get(item_id, space.version)
    if item is None:
        raise UnknownItem(item_id)
    return None if item.embedding is None else item.embedding.vector
