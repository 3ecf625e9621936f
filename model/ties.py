"""How equal scores are ordered, in the evaluator and in the service alike."""

from hashlib import blake2b


def tie_key(item_id: str) -> int:
    """A number that orders items of equal score: a hash, so that no order of ids or of arrival shows in a ranking."""
    return int.from_bytes(blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=8).digest())
