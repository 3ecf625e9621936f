"""How long work tells how far it has come."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Step(Protocol):
    """Takes note that some more is done, and of a word on how it goes."""

    def __call__(self, done: int, note: str = "") -> None: ...


class Reporter(Protocol):
    """Where training tells of its progress."""

    def say(self, line: str) -> None: ...

    def step(self, title: str, total: int) -> AbstractContextManager[Step]:
        """A piece of work of so many parts, under way while the context lasts."""
        ...


class ConsoleReporter:
    """Bars on a terminal, a plain line every few seconds elsewhere; all of it on standard error."""

    def __init__(self, seconds_between_lines: float = 10.0) -> None:
        self._console = Console(stderr=True)
        self._pause = seconds_between_lines

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def step(self, title: str, total: int) -> AbstractContextManager[Step]:
        return self._bar(title, total) if self._console.is_terminal else self._lines(title, total)

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[Step]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(title, total=total, note="")

            def advance(done: int, note: str = "") -> None:
                progress.update(task, advance=done, note=note)

            yield advance

    @contextmanager
    def _lines(self, title: str, total: int) -> Iterator[Step]:
        start = last = time.monotonic()
        reached = 0

        def advance(done: int, note: str = "") -> None:
            nonlocal last, reached
            reached += done
            if time.monotonic() - last >= self._pause:
                last = time.monotonic()
                self.say(f"{title}: {reached:,} of {total:,}{', ' + note if note else ''}")

        yield advance
        self.say(f"{title}: done in {time.monotonic() - start:.0f} s")


class SilentReporter:
    """Says nothing; for tests and for work inside other work."""

    def say(self, line: str) -> None:
        pass

    @contextmanager
    def step(self, title: str, total: int) -> Iterator[Step]:
        def advance(done: int, note: str = "") -> None:
            pass

        yield advance
