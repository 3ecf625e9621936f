"""Places in a list for what is new."""

from collections.abc import Sequence

from service.lists.wish import Pick


def slots(k: int, exploration: float) -> int:
    """How many of k places go to the newest items: the share, rounded to the nearest."""
    return int(exploration * k + 0.5)


def interleave(picks: Sequence[Pick], fresh: Sequence[Pick], k: int) -> list[Pick]:
    """
    A list of k in which fresh picks stand at even distances, each at the end of its stretch; no item twice.

    Where picks run out, fresh ones close up.
    """
    taken = {pick.item_id for pick in fresh}
    rest = [pick for pick in picks if pick.item_id not in taken][: k - len(fresh)]
    total = len(rest) + len(fresh)
    places = {(number + 1) * total // len(fresh) - 1 for number in range(len(fresh))} if fresh else set()
    of_rest, of_fresh = iter(rest), iter(fresh)
    return [next(of_fresh) if place in places else next(of_rest) for place in range(total)]
