"""An item's content becomes an embedding, stored and searchable."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from model.errors import NothingPresent
from model.features import row_to_bytes
from service.batching import Batcher
from service.errors import Overloaded, PreconditionFailed, SpaceChanged, UnknownItem
from service.items.drafts import Draft, ItemChanges, NewItem, draft_changed, draft_posted
from service.items.images import Images
from service.items.placing import embed_stored
from service.monitoring.metrics import Metrics
from service.space import Space
from service.store.preconditions import UNCONDITIONAL, Precondition
from service.store.records import Put, StoredFeatures, StoredItem, Writing
from service.store.store import Store


class Ingestor:
    """
    Takes items in: decode, encode, embed, commit, index; searchable and durable when a method returns.

    Decoding has threads of its own, so that large pictures hold up neither recommendations nor items of words; encoders take
    what waits in one batch. No more items are under way than may wait. What was encoded before is not encoded again.
    """

    def __init__(
        self, space: Space, store: Store, images: Images, metrics: Metrics, *, batch: int, waiting: int, max_pixels: int
    ) -> None:
        self._space, self._store, self._images, self._metrics, self._max_pixels = space, store, images, metrics, max_pixels
        self.encoding = threading.Lock()
        """Held while the encoders work: they take one caller at a time."""
        self._under_way, self._waiting, self._batch = 0, waiting, batch
        self._decoders = ThreadPoolExecutor(2, thread_name_prefix="decode")
        self._drafters = ThreadPoolExecutor(2, thread_name_prefix="draft")
        self._encoders: Batcher[Draft, StoredItem] = Batcher("the encoders", self._place, max_batch=batch, max_waiting=waiting)

    @property
    def waiting(self) -> int:
        """How many items are fetched, decoded, wait for the encoders or are in them."""
        return self._under_way

    @property
    def limit(self) -> int:
        """How many items may be under way: in the encoders, and waiting for them."""
        return self._waiting + self._batch

    @property
    def ahead(self) -> int:
        """How many items one caller should have under way: a batch in the encoders and the next one, if so many may wait."""
        return min(2 * self._batch, self._waiting)

    def serve(self, space: Space) -> None:
        """From now on items are for this space; one that is under way for another is done again."""
        self._space = space

    async def ingest(self, new: NewItem, condition: Precondition = UNCONDITIONAL) -> Put:
        """
        Takes an item in, in place of what was there; writes nothing where that is the same.

        Raises:
            ContentError: the content cannot be used.
            PreconditionFailed: nothing was written.
            Overloaded, Closing, StoreUnavailable: nothing was acknowledged.
        """
        with self._taken():
            fetched = await self._images.fetch(new.image_urls)
            content = new.content(fetched)
            threads = self._drafters if content.image is None else self._decoders

            async def draft(space: Space, known: StoredItem | None) -> Draft:
                with self._metrics.stage("decode").time():
                    return await _run(threads, partial(draft_posted, space, new, content, known, self._max_pixels))

            return await self._write(new.item_id, condition, draft)

    async def change(self, item_id: str, changes: ItemChanges, condition: Precondition = UNCONDITIONAL) -> Put:
        """
        Changes an item; writes nothing where that changes nothing.

        Raises:
            UnknownItem, PreconditionFailed: nothing was written.
            ContentError, InvalidField: as it would then be, it cannot be used.
            Overloaded, Closing, StoreUnavailable: nothing was acknowledged.
        """

        async def draft(space: Space, known: StoredItem | None) -> Draft:
            if known is None:
                raise UnknownItem(item_id)
            return await _run(self._drafters, partial(draft_changed, space, changes, known))

        with self._taken():
            return await self._write(item_id, condition, draft)

    async def delete(self, item_id: str, condition: Precondition = UNCONDITIONAL) -> None:
        """
        Raises:
            UnknownItem, PreconditionFailed: nothing was changed.
        """
        change = await asyncio.wrap_future(self._store.delete(item_id, condition))
        if not change.existed:
            raise UnknownItem(item_id)

    async def close(self) -> None:
        """
        Finishes what the encoders took. A picture that is still decoded is not waited for, since nobody waits for its answer; the
        process ends when it is done.
        """
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self._drafters.shutdown(wait=False, cancel_futures=True)
        self._encoders.close()
        await self._images.close()

    @contextmanager
    def _taken(self) -> Iterator[None]:
        if self._under_way >= self.limit:
            raise Overloaded("the encoders", waiting=self._under_way)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _write(
        self, item_id: str, condition: Precondition, make_draft: Callable[[Space, StoredItem | None], Awaitable[Draft]]
    ) -> Put:
        """
        Drafts from what is known and writes.

        Again, where another write came between and the draft was built on what was, or where another space serves now.
        """
        received = time.perf_counter()
        while True:
            space = self._space
            known = await asyncio.to_thread(self._store.get, item_id, space.version)
            condition.require(item_id, None if known is None else known.revision)
            draft = await make_draft(space, known)
            if known is not None and not draft.says_more_than(known):
                return Put(known, created=False)
            guard = condition if draft.base is None else Precondition(frozenset({draft.base.revision}))
            keeps = draft.keeps if draft.base is None else frozenset()  # on a base the draft holds what stays
            writing = Writing(guard, draft.thumbnail, space.version, keeps)
            try:
                return await self._commit(await self._encode(draft), writing, received)
            except SpaceChanged:
                continue
            except PreconditionFailed:
                if draft.base is None:
                    raise

    async def _encode(self, draft: Draft) -> StoredItem:
        if draft.item.embedding is not None:
            return draft.item
        with self._metrics.stage("encode").time():
            return await asyncio.wrap_future(self._encoders.submit(draft))

    async def _commit(self, item: StoredItem, writing: Writing, received: float) -> Put:
        with self._metrics.stage("commit").time():
            change = await asyncio.wrap_future(self._store.put(item, writing))
        self._metrics.ingested.labels("warm" if self._space.anchors.is_warm(item.item_id) else "cold").inc()
        self._metrics.freshness.observe(time.perf_counter() - received)
        if change.item.embedding is not None:
            self._metrics.fusions.note(change.item.embedding.fusion)
        return change

    def _place(self, drafts: Sequence[Draft]) -> Sequence[StoredItem | Exception]:
        placed: dict[int, StoredItem | Exception] = {}
        for space in {id(draft.space): draft.space for draft in drafts}.values():
            rows = [row for row, draft in enumerate(drafts) if draft.space is space]
            placed |= zip(rows, self._place_in(space, [drafts[row] for row in rows]), strict=True)
        return [placed[row] for row in range(len(drafts))]

    def _place_in(self, space: Space, drafts: Sequence[Draft]) -> Sequence[StoredItem | Exception]:
        start = time.perf_counter()
        with self.encoding:
            items = self._add_features(space, drafts)
        embeddings = embed_stored(space, items)
        self._metrics.batches.observe(len(items))
        self._metrics.stage("encode_batch").observe(time.perf_counter() - start)
        return [
            NothingPresent() if embedding is None and not draft.may_be_unplaced else replace(item, embedding=embedding)
            for draft, item, embedding in zip(drafts, items, embeddings, strict=True)
        ]

    def _add_features(self, space: Space, drafts: Sequence[Draft]) -> list[StoredItem]:
        """The drafts' items with what the encoders make of what is not encoded yet."""
        tower = space.tower
        features = tower.encode([draft.prepared for draft in drafts])
        fingerprints = list(tower.fingerprints.items())
        items = []
        for row, draft in enumerate(drafts):
            fresh = {
                name: StoredFeatures(fingerprint, row_to_bytes(features.values[m], row), draft.inputs[name])
                for m, (name, fingerprint) in enumerate(fingerprints)
                if features.present[row, m]
            }
            items.append(replace(draft.item, features={**draft.item.features, **fresh}))
        return items


async def _run(threads: ThreadPoolExecutor, work: Callable[[], Draft]) -> Draft:
    return await asyncio.get_running_loop().run_in_executor(threads, work)
