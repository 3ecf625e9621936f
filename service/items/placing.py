"""Stored features become embeddings in a space."""

from collections.abc import Sequence

import numpy as np

from model.content import Content
from model.encoders.spec import Kind
from model.features import Encoding, Features, is_row, rows_of_bytes
from service.errors import RowDamaged
from service.items.fusion import describe_fusion
from service.space import Space
from service.store.records import StoredEmbedding, StoredItem


def embed_stored(space: Space, items: Sequence[StoredItem]) -> list[StoredEmbedding | None]:
    """Where each item lies in the space; None for one whose features the space's network cannot read."""
    features = read_features(space, items)
    placed: list[StoredEmbedding | None] = [None] * len(items)
    rows: list[int] = np.flatnonzero(space.tower.readable(features)).tolist()
    if not rows:
        return placed
    embedded = space.tower.embed(features.take(np.array(rows)))
    anchors = space.anchors.place([items[row].item_id for row in rows], embedded.embeddings)
    for at, row in enumerate(rows):
        fusion = describe_fusion(space.tower, features.present[row], embedded, at)
        placed[row] = StoredEmbedding(space.version, anchors[at], fusion)
    return placed


def read_features(space: Space, items: Sequence[StoredItem]) -> Features:
    """
    Stored features as the space's network reads them.

    Those of another encoder, of words that the item has no more or of which this space reads other fields, and of a
    modality that it does not read count as missing. Those of attributes are made anew, which costs next to nothing, of the
    attributes that this space reads.
    """
    columns = [_column(space, modality, items) for modality in space.tower.fingerprints]
    values = tuple(value for value, _ in columns)
    return Features(values, np.array([present for _, present in columns], np.bool_).T)


def _column(space: Space, modality: str, items: Sequence[StoredItem]) -> tuple[Encoding, list[bool]]:
    """One modality's features (B, d), and which items have it."""
    spec = space.manifest.specs[modality]
    if spec.kind is Kind.ATTRIBUTES:
        return space.tower.read_attributes(modality, [Content(attributes=item.attributes) for item in items])
    rows = [_data(space, item, modality) for item in items]
    for item, data in zip(items, rows, strict=True):
        if data is not None and not is_row(data, spec.dim, sparse=spec.sparse):
            raise RowDamaged(
                "features", item.item_id, f"its vector for {modality} has {len(data)} bytes, which are none of its encoder"
            )
    return rows_of_bytes(rows, spec.dim, sparse=spec.sparse), [data is not None for data in rows]


def _data(space: Space, item: StoredItem, modality: str) -> bytes | None:
    kept, spec = item.features.get(modality), space.manifest.specs[modality]
    if kept is None or kept.fingerprint != spec.fingerprint:
        return None
    if spec.kind is Kind.TEXT and kept.input:  # stores of before did not keep it
        words = Content(item.title, item.text, None, item.attributes)
        return kept.data if kept.input == space.tower.input(modality, words) else None
    return kept.data
