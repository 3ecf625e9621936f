"""Where the search for a ridge begins: with more of it, the fewer likes there are."""

import numpy as np
import pytest

from tests.training.baselines.test_closed_forms import make_job
from training.recipes.thaw import MANY_LIKES, train_thaw
from training.recipes.thaw_numbers import ThawNumbers

AS_IT_BEGINS = ThawNumbers(width=8, passes=0, head_epochs=1, gate_epochs=1, parts=1)
ITEMS, KINDS = 24, 4


def first_ridge(likes_an_item: int) -> float:
    """Of the one view of a shop where each item is liked by so many users."""
    random = np.random.default_rng(3)
    shown = np.eye(KINDS)[np.arange(ITEMS) % KINDS] + 0.1 * random.standard_normal((ITEMS, KINDS))
    liked = np.zeros((4 * MANY_LIKES, ITEMS))
    for item in range(ITEMS):
        liked[random.choice(len(liked), likes_an_item, replace=False), item] = 1
    chosen = train_thaw(make_job(shown, liked), AS_IT_BEGINS).numbers["chosen"]
    return float(next(iter(chosen.values()))["ridge"])


@pytest.mark.parametrize(("share", "times"), [(2.0, 1.0), (1.0, 1.0), (1 / 4, 2.0), (1 / 100, 10.0)])
def test_regressions_begin_with_more_ridge_where_likes_are_few(share: float, times: float) -> None:
    assert first_ridge(round(MANY_LIKES * share)) == pytest.approx(AS_IT_BEGINS.ridge * times)
