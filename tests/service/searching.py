"""One search of an index, as tests ask for it."""

from collections.abc import Collection

from model.content import FloatArray
from service.index.protocol import Candidate, Index, Query
from service.index.where import Where


def search(
    index: Index,
    vector: FloatArray,
    k: int,
    *,
    cold_only: bool = False,
    where: Where | None = None,
    exclude: Collection[str] = (),
) -> list[Candidate]:
    """The k best for a (D,) vector."""
    return index.search_many([Query(vector, exclude=exclude)], k, cold_only=cold_only, where=where)[0]
