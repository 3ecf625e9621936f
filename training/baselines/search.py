"""The one way in which every simple method is tuned: a coordinate search, begun again elsewhere until its tries are used up."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from training.baselines.method import Setting, Space
from training.ranking import Ranker

TRIES = 108
"""How many settings a method tries, if it has so many: as many as `thaw` where items have words, a picture and attributes."""
_REDRAWN = 2
"""Axes that differ where a search begins again beside the best setting."""
_DRAWS = 200
_Point: TypeAlias = tuple[int, ...]
"""The place of a setting on each axis."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best setting."""

    setting: Setting
    ranker: Ranker
    quality: float
    tried: int


def search(space: Space, judge: Callable[[Ranker], float], seed: int, tries: int = TRIES) -> Found:
    """
    Tries settings, no one twice, and keeps the one that is judged best; the earlier one of equals.

    From the start it walks along one axis after another as far as it gets better; where no neighbour is better, it begins again
    where some axes of the best setting are drawn anew.

    Args:
        judge: what a fitted setting is worth, the higher the better.
    """
    walk = _Walk(space, judge, tries)
    random = np.random.default_rng([seed, 3])
    walk.climb(walk.start)
    while not walk.spent:
        walk.climb(walk.draw(random))
    return walk.best


class _Walk:
    def __init__(self, space: Space, judge: Callable[[Ranker], float], tries: int) -> None:
        self._space, self._judge = space, judge
        self._sizes = [len(axis.values) for axis in space.axes.values()]
        self._tries = min(tries, math.prod(self._sizes))
        self._tried: dict[_Point, float] = {}
        self._top: tuple[_Point, Ranker] | None = None

    @property
    def start(self) -> _Point:
        return tuple(axis.values.index(axis.start) for axis in self._space.axes.values())

    @property
    def spent(self) -> bool:
        return len(self._tried) >= self._tries

    @property
    def best(self) -> Found:
        assert self._top is not None, "nothing was tried"
        point, ranker = self._top
        return Found(self._setting(point), ranker, self._tried[point], len(self._tried))

    def climb(self, point: _Point) -> None:
        """To a setting that no neighbour of it is better than, or until all tries are spent."""
        self._look(point)
        before = None
        while point != before and not self.spent:
            before = point
            for axis in range(len(self._sizes)):
                point = self._along(point, axis)

    def draw(self, random: np.random.Generator) -> _Point:
        """A setting that was not tried: like the best one on all axes but some."""
        assert self._top is not None, "nothing was tried"
        for _ in range(_DRAWS):
            point = list(self._top[0])
            for axis in random.permutation(len(point))[:_REDRAWN]:
                point[axis] = int(random.integers(self._sizes[axis]))
            if tuple(point) not in self._tried:
                return tuple(point)
        return next(point for point in itertools.product(*map(range, self._sizes)) if point not in self._tried)

    def _along(self, point: _Point, axis: int) -> _Point:
        for step in (1, -1):
            while (there := self._beside(point, axis, step)) and self._look(there) > self._look(point):
                point = there
        return point

    def _beside(self, point: _Point, axis: int, step: int) -> _Point | None:
        place = point[axis] + step
        return (*point[:axis], place, *point[axis + 1 :]) if 0 <= place < self._sizes[axis] else None

    def _look(self, point: _Point) -> float:
        """What a setting is worth; one that no try is left for is worth nothing."""
        if point not in self._tried and not self.spent:
            ranker = self._space.fit(self._setting(point))
            quality = self._judge(ranker)
            if self._top is None or quality > self._tried[self._top[0]]:
                self._top = (point, ranker)
            self._tried[point] = quality
        return self._tried.get(point, -math.inf)

    def _setting(self, point: _Point) -> Setting:
        return {name: axis.values[place] for (name, axis), place in zip(self._space.axes.items(), point, strict=True)}
