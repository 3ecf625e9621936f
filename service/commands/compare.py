"""Two checkpoints on the same cold items: how well each would rank them for the users who liked them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.content import FloatArray
from model.event_types import Liking
from model.ties import tie_key
from service.items.placing import embed_stored
from service.space import Space
from service.store.event_records import Erased, KeptEvent, KnownItem, Pair, Reacted
from service.store.records import StoredItem
from service.store.snapshot import Snapshot
from service.thawing.ledger import Ledger
from service.thawing.reactions import Rules

K = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """NDCG@20 of two checkpoints over the same users and items."""

    serving: float
    new: float
    stderr: float
    """Of the difference, over users."""
    users: int
    items: int

    @property
    def is_worse(self) -> bool:
        """Whether the new one ranks them worse."""
        return self.new < self.serving


@dataclass(frozen=True, slots=True)
class Judged:
    """Cold items and who liked them, and all that else is known of these users."""

    items: Sequence[StoredItem]
    """Held out: nothing of them is in a checkpoint, and no event on them in a user."""
    others: Sequence[StoredItem]
    """Those that have events."""
    pairs: Mapping[Pair, Sequence[KeptEvent]]
    """Events on the others."""
    likes: Mapping[str, frozenset[str]]
    """By user: the held-out items that it liked."""
    erased: frozenset[str]
    store_id: str | None
    """Of the store that the events are of."""


def judge(snapshot: Snapshot, held_out: Iterable[str], liking: Liking) -> Judged:
    """
    Reads what a comparison needs.

    Args:
        liking: which events on held-out items are likes.
    """
    held, pairs = set(held_out), defaultdict[Pair, list[KeptEvent]](list)
    likes: defaultdict[str, set[str]] = defaultdict(set)
    for number, event in snapshot.events():
        if event.item_id not in held:
            kept = KeptEvent(event.event_type, event.value, event.timestamp, number)
            pairs[event.user_id, event.item_id].append(kept)
        elif liking.is_positive(event.event_type, event.value):
            likes[event.user_id].add(event.item_id)
    reacted_to = {item_id for _, item_id in pairs}
    wanted = [item for item in snapshot.items() if item.item_id in held or item.item_id in reacted_to]
    return Judged(
        items=[item for item in wanted if item.item_id in held],
        others=[item for item in wanted if item.item_id not in held],
        pairs=pairs,
        likes={user_id: frozenset(liked) for user_id, liked in likes.items()},
        erased=frozenset(snapshot.erased()),
        store_id=snapshot.store_id,
    )


def compare(serving: Space, new: Space, judged: Judged, rules: Rules) -> Comparison:
    """
    Ranks the cold items by their content for every user who liked some, as each checkpoint would.

    A user lies where training and its events on other items put it, in both.
    """
    users = sorted(judged.likes.keys() - judged.erased)
    quality = [_ndcg(space, judged, rules, users) for space in (serving, new)]
    difference = quality[1] - quality[0]
    stderr = float(difference.std() / math.sqrt(len(users))) if users else 0.0
    means = [float(values.mean()) if users else 0.0 for values in quality]
    return Comparison(means[0], means[1], stderr, len(users), len(judged.items))


def _ndcg(space: Space, judged: Judged, rules: Rules, users: Sequence[str]) -> FloatArray:
    placed = [(item.item_id, found) for item, found in zip(judged.items, embed_stored(space, judged.items), strict=True)]
    readable = [(item_id, found.vector) for item_id, found in placed if found is not None]
    there = sorted(readable, key=lambda one: tie_key(one[0]))
    ids = [item_id for item_id, _ in there]
    vectors = np.array([vector for _, vector in there], np.float32).reshape(len(ids), space.tower.width)
    ledger = _ledger(space, judged, rules)
    found = [_ndcg_of(_scores(vectors, _embedding(space, ledger, user_id)), ids, judged.likes[user_id]) for user_id in users]
    return np.array(found, np.float32)


def _scores(vectors: FloatArray, user: FloatArray) -> FloatArray:
    """(I, D) and (D,) to (I,), equal ones for equal embeddings: BLAS, behind `@`, rounds rows differently."""
    return np.asarray(np.einsum("id,d->i", vectors, user))


def _ledger(space: Space, judged: Judged, rules: Rules) -> Ledger:
    ledger = Ledger(space, rules, space.trained_through(judged.store_id))
    placed = zip(judged.others, embed_stored(space, judged.others), strict=True)
    known = {item.item_id: KnownItem(0.0, None if found is None else found.vector) for item, found in placed}
    with ledger.lock:
        ledger.apply([*map(Erased, sorted(judged.erased)), Reacted([], judged.pairs, known)])
    return ledger


def _embedding(space: Space, ledger: Ledger, user_id: str) -> FloatArray:
    folded = ledger.embedding(user_id)
    if folded is not None:
        return folded[1]
    trained = space.user_embedding(user_id)
    return space.prior_user if trained is None else trained


def _ndcg_of(scores: FloatArray, ids: Sequence[str], liked: frozenset[str]) -> float:
    """
    NDCG of one user's list; an item that a checkpoint cannot read is ranked nowhere.

    Args:
        scores: (I,).
        ids: of the items, in the order in which equal scores are ranked.
    """
    order = np.argsort(-scores, kind="stable")[:K]
    gain = sum(1 / math.log2(rank + 2) for rank, row in enumerate(order.tolist()) if ids[row] in liked)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(K, len(liked))))
