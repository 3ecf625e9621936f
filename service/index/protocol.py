"""What a search index must do; FAISS does it here, a distributed engine may beside it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, Protocol

from model.content import FloatArray, Scalar
from service.index.moments import Moments
from service.index.where import Where


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as the index holds it."""

    item_id: str
    embedding: FloatArray
    """(D,) float32, finite."""
    is_cold: bool = False
    """Whether it had no interactions in training; a search can be kept within such items."""
    expires_at: float | None = None
    """Seconds since 1970: from then on it is as if it had been removed."""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    """What a search can be kept within by their values."""
    published: float = 0.0
    """Seconds since 1970: what its age counts from."""
    coldness: float = 0.0
    """In [0, 1]: how much of a query's lift it gets."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: an item's score is `vector · embedding + lift · coldness`."""

    vector: FloatArray
    """(D,) float32."""
    lift: float = 0.0
    exclude: Collection[str] = ()
    """Item ids never to return; those that are not there are passed over."""


class Candidate(NamedTuple):
    """One search hit."""

    item_id: str
    score: float


class Index(Protocol):
    """
    Item embeddings, searched by inner product. Safe for many readers beside one writer.

    Every search can be kept within cold items and within what `where` says of attributes and age; it is exact all the same.
    Equal scores are ordered by a hash of the item id, at the k-th place too: neither the order of posting nor that of
    ids decides. Fewer than k items: all of them. k = 0: none.
    """

    def __len__(self) -> int: ...

    def rough_size(self) -> int:
        """How many items there are, without waiting for anybody: those that have just expired may count."""
        ...

    def count_cold(self) -> int:
        """How many items are cold."""
        ...

    def put(self, entries: Iterable[Entry]) -> None:
        """
        Adds items, or replaces those that are there; seen by every search that starts after it returns.

        Raises:
            DimensionMismatch: an embedding is not (D,); nothing was changed.
        """
        ...

    def move(self, item_ids: Sequence[str], embeddings: FloatArray, coldness: FloatArray) -> None:
        """
        Gives items that are there other embeddings and degrees of coldness, and leaves all else of them as it is.

        Args:
            item_ids: distinct; one that is not there is passed over.
            embeddings: (N, D) float32, finite.
            coldness: (N,) float32, in [0, 1].

        Raises:
            DimensionMismatch: they are not (N, D); nothing was changed.
        """
        ...

    def remove(self, item_ids: Collection[str]) -> None:
        """Takes items out; an id that is not there is passed over."""
        ...

    def search_many(
        self, queries: Sequence[Query], k: int, *, cold_only: bool = False, where: Where | None = None
    ) -> list[list[Candidate]]:
        """
        The k items of the highest score for each query, best first. Of many queries some may see a change that others do not.

        Args:
            where: only items of which this holds.

        Raises:
            DimensionMismatch: a query's vector is not (D,).
        """
        ...

    def search_angle(
        self, query: FloatArray, k: int, *, cold_only: bool = False, where: Where | None = None, exclude: Collection[str] = ()
    ) -> list[Candidate]:
        """
        The k items of the highest cosine to the query; the score is the cosine.

        Args:
            query: (F,) float32 with F up to D: only the first F coordinates of the embeddings are read.
            exclude: item ids never to return; those that are not there are passed over.
        """
        ...

    def search_exactly(self, query: FloatArray, k: int) -> list[Candidate]:
        """
        The k items of the highest inner product with a (D,) query, by looking at every row without the index' own help.

        What `search_many` is measured against.

        Raises:
            DimensionMismatch: the query is not (D,).
        """
        ...

    def sample(self, count: int, random: Random) -> FloatArray:
        """Copies of up to `count` embeddings drawn at random, (n, D)."""
        ...

    def newest(
        self, count: int, *, cold_only: bool = False, where: Where | None = None, exclude: Collection[str] = ()
    ) -> list[str]:
        """Ids of the items published last, the newest first."""
        ...

    def get(self, item_ids: Sequence[str]) -> list[Entry]:
        """What is held of items, without attributes, in the order given; an id that is not there is passed over."""
        ...

    def expired_early(self) -> list[str]:
        """Ids of items that left because they had expired, by a clock that was set back since: they are to be put again."""
        ...

    def moments(self) -> Moments:
        """Mean and covariance of all embeddings; nobody changes what is returned."""
        ...
