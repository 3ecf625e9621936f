"""An item's content becomes an embedding, stored and searchable."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from model.content import Content, Scalar
from model.content_encoder import Prepared
from model.features import row_to_bytes
from service.batching import Batcher
from service.errors import Overloaded, UnknownItem
from service.fusion import describe_fusion
from service.metrics import Metrics
from service.space import Space
from service.store.records import Deleted, Put, StoredEmbedding, StoredFeatures, StoredItem
from service.store.store import Store


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item as it was posted."""

    item_id: str
    title: str = ""
    text: str = ""
    image: bytes | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)

    def content(self) -> Content:
        return Content(self.title, self.text, self.image, self.attributes)


@dataclass(frozen=True, slots=True)
class _Placed:
    """What the encoders and the network made of one item."""

    features: Mapping[str, StoredFeatures]
    content: StoredEmbedding


class Ingestor:
    """
    Takes items in: decode, encode, embed, commit, index; searchable and durable when `ingest` returns.

    Decoding has threads of its own, so that large pictures do not hold up recommendations; encoders take what waits
    in one batch. No more items are under way than may wait.
    """

    def __init__(self, space: Space, store: Store, metrics: Metrics, *, batch: int, waiting: int, max_pixels: int) -> None:
        self._space, self._store, self._metrics, self._max_pixels = space, store, metrics, max_pixels
        self._under_way, self._limit = 0, waiting + batch
        self._decoders = ThreadPoolExecutor(2, thread_name_prefix="decode")
        self._encoders: Batcher[Prepared, _Placed] = Batcher("the encoders", self._place, max_batch=batch, max_waiting=waiting)

    @property
    def waiting(self) -> int:
        """How many items are decoded, wait for the encoders or are in them."""
        return self._under_way

    async def ingest(self, new: NewItem) -> Put:
        """
        Raises:
            ContentError: the content cannot be used.
            Overloaded, Closing, StoreUnavailable: nothing was acknowledged.
        """
        if self._under_way >= self._limit:
            raise Overloaded("the encoders", waiting=self._under_way)
        received = time.perf_counter()
        self._under_way += 1
        try:
            item = self._to_stored(new, await self._read(new))
        finally:
            self._under_way -= 1
        with self._metrics.stages.labels("commit").time():
            change = await asyncio.wrap_future(self._store.put(item))
        assert isinstance(change, Put)
        self._metrics.ingested.labels("warm" if self._space.anchors.is_warm(new.item_id) else "cold").inc()
        self._metrics.freshness.observe(time.perf_counter() - received)
        if change.item.embedding is not None:
            self._metrics.fusions.note(change.item.embedding.fusion)
        return change

    async def delete(self, item_id: str) -> None:
        """
        Raises:
            UnknownItem: there is none; nothing was changed.
        """
        change = await asyncio.wrap_future(self._store.delete(item_id))
        if isinstance(change, Deleted) and not change.existed:
            raise UnknownItem(item_id)

    def close(self) -> None:
        """Finishes what was taken."""
        self._decoders.shutdown()
        self._encoders.close()

    async def _read(self, new: NewItem) -> _Placed:
        with self._metrics.stages.labels("decode").time():
            loop = asyncio.get_running_loop()
            prepare = partial(self._space.tower.prepare, new.content(), self._max_pixels)
            prepared = await loop.run_in_executor(self._decoders, prepare)
        with self._metrics.stages.labels("encode").time():
            return await asyncio.wrap_future(self._encoders.submit(prepared))

    def _to_stored(self, new: NewItem, placed: _Placed) -> StoredItem:
        content = placed.content
        anchor = self._space.anchors.place([new.item_id], content.vector[None])[0]
        embedding = StoredEmbedding(content.space, anchor, content.fusion)
        return StoredItem(new.item_id, new.title, new.text, new.attributes, placed.features, embedding)

    def _place(self, items: Sequence[Prepared]) -> Sequence[_Placed | Exception]:
        start = time.perf_counter()
        tower = self._space.tower
        features = tower.encode(items)
        embedded = tower.embed(features)
        self._metrics.batches.observe(len(items))
        self._metrics.stages.labels("encode_batch").observe(time.perf_counter() - start)
        answers = []
        for row in range(len(items)):
            fusion = describe_fusion(tower, features.present[row], embedded, row)
            kept = {
                name: StoredFeatures(fingerprint, row_to_bytes(features.values[m], row))
                for m, (name, fingerprint) in enumerate(tower.fingerprints.items())
                if features.present[row, m]
            }
            answers.append(_Placed(kept, StoredEmbedding(self._space.version, embedded.embeddings[row], fusion)))
        return answers
