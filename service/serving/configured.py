"""Which checkpoint a start serves: the one that was swapped in last, else the configured one."""

from pathlib import Path

import structlog

from model.checkpoint import load_manifest
from model.errors import CheckpointError
from service.errors import SettingsError
from service.settings import Settings
from service.space import NOTHING_RUNNING, RunningEncoders, Space, open_space
from service.store.active import Active, read_active

_log = structlog.get_logger(__name__)


def open_configured_space(settings: Settings) -> Space:
    """The space that a start serves; raises as `choose_checkpoint` and `open_space` do."""
    return open_at(settings, choose_checkpoint(settings))


def open_at(settings: Settings, path: Path, running: RunningEncoders = NOTHING_RUNNING) -> Space:
    """A checkpoint's space, its encoders as the settings say; raises as `open_space` does."""
    return open_space(
        path, device=settings.device, places=settings.encoder_places, threads=settings.torch_threads, running=running
    )


def choose_checkpoint(settings: Settings) -> Path:
    """
    The checkpoint to serve.

    Raises:
        SettingsError: what was swapped in last is not where it was.
        StoreUnavailable: the store cannot be read.
    """
    active = read_active(settings.store_url)
    if active is None or settings.force_checkpoint or _version_at(settings.checkpoint) == active.version:
        return settings.checkpoint
    _require_there(active, settings)
    _log.info("the checkpoint that was swapped in last serves, not THAW_CHECKPOINT", space=active.version, path=str(active.path))
    return active.path


def _require_there(active: Active, settings: Settings) -> None:
    found = _version_at(active.path)
    if found != active.version:
        state = "has no checkpoint any more" if found is None else f"has {found} now"
        raise SettingsError(
            f"checkpoint {active.version} was swapped in last, from {active.path}, which {state}: bring it back there, or set "
            f"THAW_FORCE_CHECKPOINT=true to serve THAW_CHECKPOINT ({settings.checkpoint})"
        )


def _version_at(path: Path) -> str | None:
    try:
        return load_manifest(path).version
    except CheckpointError:
        return None
