"""Another checkpoint takes over while the service answers: built beside the one that serves, then swapped in one step."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import structlog

from model.checkpoint import load_manifest
from model.errors import ProjectError
from service.errors import Closing, SwapRunning
from service.items.catalogue import Catalogue
from service.serving.configured import open_at
from service.serving.running import Service, make_catalogue, make_service
from service.space import RunningEncoders, Space
from service.store.active import Active, write_active

_FEW = 500
"""Changes that may be left for the moment in which writes wait."""
_ROUNDS = 20
_GRACE_SECONDS = 10.0
"""How long requests that were under way in the old space may still read its embeddings."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How the last swap is going, or went."""

    state: Literal["idle", "verifying", "embedding", "catching_up", "done", "failed"] = "idle"
    checkpoint: str | None = None
    space: str | None = None
    done: int = 0
    """Items that were looked at."""
    total: int = 0
    error: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not come to its end."""
        return self.state in ("verifying", "embedding", "catching_up")

    def to_answer(self) -> dict[str, Any]:
        """In the words of `SwapAnswer`."""
        return asdict(self)


class Swapper:
    """
    Swaps checkpoints, one at a time.

    Until the last step the old space serves and nothing of it is touched; a failure at any point leaves it so.
    """

    def __init__(self, now: Callable[[], Service], serve: Callable[[Service], None]) -> None:
        """
        Args:
            serve: makes a service the one that answers.
        """
        self.progress = Progress()
        self._now, self._serve = now, serve
        self._task: asyncio.Task[None] | None = None
        self._closing, self._hurry = threading.Event(), threading.Event()

    async def start(self, path: Path) -> Progress:
        """
        Begins to swap a checkpoint in, and returns at once.

        Raises:
            SwapRunning: another swap goes on.
            CheckpointMissing, CheckpointUnreadable, CheckpointFormat: there is none at the path; nothing was begun.
        """
        manifest = await asyncio.to_thread(load_manifest, path)
        if self.progress.is_running:
            raise SwapRunning(str(self.progress.checkpoint))
        before, self.progress = self._task, Progress("verifying", str(path), manifest.version)
        self._hurry.set()
        if before is not None:
            await asyncio.wait([before])
        self._hurry.clear()
        self._task = asyncio.create_task(self._change(path))
        return self.progress

    async def close(self) -> None:
        """Gives up what is under way, and returns when it has ended."""
        self._closing.set()
        await self.finished()

    async def finished(self) -> None:
        """Returns when nothing is under way, and nothing is left of what served before."""
        self._hurry.set()
        if self._task is not None:
            await self._task

    async def _change(self, path: Path) -> None:
        before = self._now()
        if not await asyncio.to_thread(self._run, before, path):
            return
        try:
            await self._now().users.warm()
        except Exception as error:  # noqa: BLE001 - the new space serves, and computes users when they ask
            _log.error("users were not computed anew", error=repr(error), exc_info=error)
        await asyncio.to_thread(self._leave, before)

    def _run(self, service: Service, path: Path) -> bool:
        """Whether another space serves now."""
        try:
            taken_over = self._swap(service, path)
        except Exception as error:  # noqa: BLE001 - the outermost edge of this thread: whatever it was, the old space serves on
            told = str(error) if isinstance(error, ProjectError) else "the error is in the service's log"
            _log.error("the checkpoint was not swapped in", path=str(path), error=repr(error), exc_info=error)
            self._tidy(service, str(self.progress.space))
            service.metrics.swaps.labels("failed").inc()
            self._tell(state="failed", error=told)
            return False
        _log.info("the checkpoint was swapped in", space=self.progress.space, path=str(path))
        service.metrics.swaps.labels("done").inc()
        self._tell(state="done")
        return taken_over

    def _leave(self, service: Service) -> None:
        """Lets go of what served before, when nobody reads it any more."""
        service.thawer.close()
        self._hurry.wait(_GRACE_SECONDS)
        self._tidy(service, service.space.version)

    def _swap(self, service: Service, path: Path) -> bool:
        """Whether another space serves now; not where it was this one already."""
        space = self._open(service, path)
        self._tell(space=space.version)
        active = Active(space.version, path.absolute())
        if space.version == service.space.version:
            write_active(service.store, active)
            return False
        feed = service.shared.feed
        with service.store.paused():
            feed.take_notes()
        try:
            catalogue = self._build(service, space)
            self._catch_up(service, catalogue)
            self._take_over(service, catalogue, active)
        finally:
            with service.store.paused():
                feed.stop_notes()
        return True

    def _open(self, service: Service, path: Path) -> Space:
        running = RunningEncoders(tuple(service.space.tower.encoders.values()), service.ingestor.encoding)
        return open_at(service.shared.settings, path, running)

    def _build(self, service: Service, space: Space) -> Catalogue:
        self._tell(state="embedding", total=service.store.count())
        catalogue = make_catalogue(service.shared.settings, space, service.store)
        catalogue.embed(service.store, self._advance)
        self._tell(state="catching_up")
        catalogue.fill(service.store)
        return catalogue

    def _catch_up(self, service: Service, catalogue: Catalogue) -> None:
        """Follows what changed meanwhile, until so little is left that writes may wait for it."""
        for _ in range(_ROUNDS):
            self._require_open()
            with service.store.paused():
                noted = service.shared.feed.take_notes()
            catalogue.follow(service.store, noted)
            _settle(catalogue)
            if len(noted) < _FEW:
                return

    def _take_over(self, service: Service, catalogue: Catalogue, active: Active) -> None:
        """While writes wait: the last changes, then the space of the store and of all that answers."""
        shared, space = service.shared, catalogue.space
        with service.store.paused():
            catalogue.follow(service.store, shared.feed.take_notes())
            _settle(catalogue)
            write_active(service.store, active)  # the last step that can fail
            service.store.space, service.store.trained_through = space.version, catalogue.ledger.trained_through
            service.store.is_ahead = False  # all of this index comes from the store
            shared.feed.follower = catalogue.apply
            service.ledger.is_led = False
            shared.ingestor.serve(space)
            shared.metrics.serve_space(space.version, space.manifest.recipe)
            self._serve(make_service(shared, catalogue))

    def _tidy(self, service: Service, space: str) -> None:
        """Drops the embeddings of a space that does not serve; what is left of it is dropped at the next start."""
        try:
            if space != self._now().space.version:
                service.store.drop_space(space)
        except ProjectError as error:
            _log.warning("embeddings of another space are still in the store", space=space, error=str(error))

    def _advance(self, items: int) -> None:
        self._require_open()
        self._tell(done=self.progress.done + items)

    def _require_open(self) -> None:
        if self._closing.is_set():
            raise Closing("the swap")

    def _tell(self, **changes: Any) -> None:
        self.progress = replace(self.progress, **changes)


def _settle(catalogue: Catalogue) -> None:
    while catalogue.settle():
        pass
