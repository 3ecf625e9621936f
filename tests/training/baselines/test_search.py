"""Every simple method is tuned by the same search, with the same number of tries."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from model.features import Features
from tests.training.baselines.test_closed_forms import make_job
from training.baselines.method import Axis, Method, Setting, Space, remembering
from training.baselines.search import TRIES, Found, search
from training.protocols.methods import METHODS
from training.ranking import Scores


class Valued:
    """A ranker that stands for the setting that it was fitted by."""

    def __init__(self, setting: Setting) -> None:
        self.setting = dict(setting)

    def __call__(self, features: Features) -> Scores:
        raise AssertionError("nothing is ranked here")


class Worth:
    """Judges settings, and remembers which."""

    def __init__(self, worth: Callable[[Mapping[str, Any]], float]) -> None:
        self._worth = worth
        self.judged: list[tuple[Any, ...]] = []

    def __call__(self, ranker: object) -> float:
        assert isinstance(ranker, Valued)
        self.judged.append(tuple(ranker.setting.values()))
        return self._worth(ranker.setting)


def find(worth: Worth, axes: Mapping[str, Axis], tries: int = TRIES, seed: int = 0) -> Found:
    return search(Space(Valued, axes), worth, seed, tries)


WIDE = {name: Axis(tuple(range(10)), 5) for name in "abcde"}


def test_the_top_of_a_hill_is_found() -> None:
    """Of 100,000 settings, by 108."""
    found = find(Worth(lambda at: -abs(at["a"] - 9) - abs(at["b"] - 2) - (at["c"] + at["d"] - 8) ** 2 - at["e"]), WIDE)

    assert found.quality == 0
    assert (found.setting["a"], found.setting["b"], found.setting["e"]) == (9, 2, 0)
    assert isinstance(found.ranker, Valued)
    assert found.ranker.setting == found.setting


def test_every_try_is_used_and_none_twice() -> None:
    worth = Worth(lambda at: -float(at["a"]))

    found = find(worth, WIDE, tries=50)

    assert found.tried == len(worth.judged) == len(set(worth.judged)) == 50
    assert worth.judged[0] == (5, 5, 5, 5, 5)


def test_a_small_space_is_tried_whole() -> None:
    axes = {"a": Axis((1, 2, 3), 1), "b": Axis(("x", "y"), "y")}
    worth = Worth(lambda at: float(at["a"] == 3 and at["b"] == "x"))

    found = find(worth, axes)

    assert found.setting == {"a": 3, "b": "x"}
    assert found.tried == len(set(worth.judged)) == 6


def test_a_method_without_parameters_is_fitted_once() -> None:
    worth = Worth(lambda _: 0.25)

    found = find(worth, {})

    assert (found.setting, found.quality, found.tried) == ({}, 0.25, 1)


def test_another_hill_is_found_from_the_top_of_the_first() -> None:
    """The start stands on a small one; the higher one lies beyond a valley on two axes."""
    found = find(Worth(lambda at: max(1 - abs(at["a"] - 5), 3 - abs(at["a"] - 1) - abs(at["b"] - 8))), WIDE)

    assert found.quality == 3


def test_the_same_seed_tries_the_same() -> None:
    def judged(seed: int) -> list[tuple[Any, ...]]:
        worth = Worth(lambda at: float(at["c"] == 3))
        find(worth, WIDE, seed=seed)
        return worth.judged

    assert judged(1) == judged(1)
    assert judged(1) != judged(2)


@pytest.mark.parametrize("method", [method for name, method in METHODS.items() if name.startswith(("mean", "RBF", "all ways"))])
def test_a_setting_is_made_of_what_its_space_says(method: Method) -> None:
    """Each start is one of the values."""
    random = np.random.default_rng(0)
    job = make_job(random.standard_normal((8, 3)), random.random((5, 8)) < 0.5)

    for axis in method.prepare(job).axes.values():
        assert axis.start in axis.values
        assert list(axis.values) == sorted(set(axis.values))


def test_what_neighbours_share_is_made_once() -> None:
    made: list[Setting] = []

    def make(setting: Setting) -> int:
        made.append(dict(setting))
        return len(made)

    remembered = remembering(make, ("a", "b"))

    assert [remembered({"a": 1, "b": 2, "c": c}) for c in (3, 4)] == [1, 1]
    assert remembered({"a": 2, "b": 2, "c": 3}) == 2
    assert made == [{"a": 1, "b": 2}, {"a": 2, "b": 2}]
