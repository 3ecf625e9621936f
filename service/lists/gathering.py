"""One search for all who wait."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from service.lists.ranking import Reader
from service.lists.wish import Pick, Wish

AT_ONCE = 32
"""Readers of one call at most: more make a call hardly cheaper for each, and all of them wait for its end."""
FEW_ITEMS = 10_000
"""So many are ranked sooner than a thread would take over."""
ITEMS_A_PLACE = 50_000
"""A search of so many rows leaves the interpreter to others for most of its time."""

Rank: TypeAlias = Callable[[Sequence[Reader], Wish], list[list[Pick]]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    reader: Reader
    picks: "asyncio.Future[list[Pick]]"


@dataclass(frozen=True, slots=True)
class _Group:
    """Who wishes for the same."""

    wish: Wish
    waiting: list[_Waiting]


class Gathering:
    """
    Ranks by wishes that are quick for one event loop, for all who wait and wish for the same by one call.

    The products of many users with all items cost a fraction of each one's by itself, and so does a change of threads. Those
    gather whose requests were read together, and while calls are under way those who come meanwhile. A request that comes alone
    waits for nobody.
    """

    def __init__(self, rank: Rank, count_items: Callable[[], int]) -> None:
        """
        Args:
            count_items: asked on the event loop, so that it must not wait for anything.
        """
        self._rank, self._count_items = rank, count_items
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="rank")  # no other work stands in its queue
        self._groups: deque[_Group] = deque()
        self._latest: dict[Wish, _Group] = {}
        """Of each wish that a group waits with, the last such group."""
        self._under_way, self._is_due = 0, False

    async def rank(self, reader: Reader, wish: Wish) -> list[Pick]:
        """A reader's list; raises what ranking raises."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(reader, loop.create_future())
        self._group(wish).waiting.append(waiting)
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._start)
        return await waiting.picks

    def _group(self, wish: Wish) -> _Group:
        """One that has room; the last, if a new one."""
        group = self._latest.get(wish)
        if group is None or len(group.waiting) >= AT_ONCE:
            group = self._latest[wish] = _Group(wish, [])
            self._groups.append(group)
        return group

    def _next(self) -> _Group:
        group = self._groups.popleft()
        if self._latest[group.wish] is group:
            del self._latest[group.wish]
        return group

    def _start(self) -> None:
        self._is_due = False
        items = self._count_items()
        while self._groups and self._under_way < _places(items):
            group = self._next()
            staying = [waiting for waiting in group.waiting if not waiting.picks.done()]
            if staying:
                self._under_way += 1
                self._call(group.wish, staying, items).add_done_callback(partial(self._answer, staying))

    def _call(self, wish: Wish, staying: Sequence[_Waiting], items: int) -> "asyncio.Future[list[list[Pick]]]":
        """Here, if that is the shortest way, else in a thread."""
        readers, loop = [waiting.reader for waiting in staying], asyncio.get_running_loop()
        if items > FEW_ITEMS:
            return loop.run_in_executor(self._threads, self._rank, readers, wish)
        done: asyncio.Future[list[list[Pick]]] = loop.create_future()
        try:
            done.set_result(self._rank(readers, wish))
        except Exception as error:  # noqa: BLE001 - whoever waits is told, as by a thread
            done.set_exception(error)
        return done

    def _answer(self, staying: Sequence[_Waiting], call: "asyncio.Future[list[list[Pick]]]") -> None:
        self._under_way -= 1
        self._start()  # others first: these need no thread any more
        error = call.exception()
        for at, waiting in enumerate(staying):
            if waiting.picks.done():  # whoever asked has left
                continue
            if error is None:
                waiting.picks.set_result(call.result()[at])
            else:
                waiting.picks.set_exception(error)


def _places(items: int) -> int:
    """How many calls may be under way: more than one only where they do not wait for each other's interpreter."""
    return min(os.cpu_count() or 1, 1 + items // ITEMS_A_PLACE)
