"""How long work tells how far it has come."""

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
    """Bars on a terminal, plain lines elsewhere; all of it on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False)

    @contextmanager
    def step(self, title: str, total: int) -> Iterator[Step]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=self._console) as progress:
            task = progress.add_task(title, total=total, note="")

            def advance(done: int, note: str = "") -> None:
                progress.update(task, advance=done, note=note)

            yield advance
        if not self._console.is_terminal:
            self.say(f"{title}: done")


class SilentReporter:
    """Says nothing; for tests and for work inside other work."""

    def say(self, line: str) -> None:
        pass

    @contextmanager
    def step(self, title: str, total: int) -> Iterator[Step]:
        def advance(done: int, note: str = "") -> None:
            pass

        yield advance
