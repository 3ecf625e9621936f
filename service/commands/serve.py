"""Run the service until it is told to stop."""

import gc
from collections.abc import Callable

import structlog
import uvicorn
from threadpoolctl import threadpool_limits

from service.errors import SettingsError
from service.http.app import create_app
from service.http.edge.hosts import is_loopback
from service.http.edge.keys import Keys, read_keys
from service.http.edge.protocol import BoundedProtocol
from service.monitoring.logs import configure_logging
from service.serving.configured import open_configured_space
from service.serving.running import open_service
from service.settings import Settings


def serve(settings: Settings, first: Callable[[], None] | None = None) -> None:
    """
    Serves until SIGINT or SIGTERM, then finishes what it has taken.

    Args:
        first: done once it is clear that the service may listen, before the checkpoint is read.

    Raises:
        ProjectError: the service cannot start; the message says why.
    """
    configure_logging(settings.log_level, settings.log_format)
    keys = read_keys(settings)
    check_access(settings, keys)
    if first is not None:
        first()
    # Threads of one product wait for each other by spinning, which takes from all other requests more than it gives to one.
    threadpool_limits(settings.torch_threads, user_api="blas")
    service = open_service(settings, open_configured_space(settings))
    say_access(settings, keys)
    # What is here now stays: looking through all of it again for garbage would stop every request for 0.1 to 0.3 s.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        create_app(service, settings, keys),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=20,
    )


def check_access(settings: Settings, keys: Keys) -> None:
    """
    Raises:
        SettingsError: the service would be open to others than this machine, and nobody said that it may be.
    """
    if keys.is_open and not is_loopback(settings.host) and not settings.allow_open:
        raise SettingsError(
            f"THAW_HOST is {settings.host!r}, beyond this machine, and there is no API key: set THAW_READ_KEYS, THAW_WRITE_KEYS "
            "and THAW_ADMIN_KEYS (or THAW_KEYS_FILE), or THAW_ALLOW_OPEN=true to let everyone in"
        )


def say_access(settings: Settings, keys: Keys) -> None:
    """One line in the log of who may do what."""
    log = structlog.get_logger(__name__)
    if not keys.is_open:
        log.info("API keys are needed", admin_calls="on" if keys.has_admin else "off: no THAW_ADMIN_KEYS")
    elif is_loopback(settings.host):
        log.warning("no API keys: open to everyone on this machine, and to it alone; admin calls are off", host=settings.host)
    else:
        log.warning("no API keys: anyone who reaches the port can read and write; admin calls are off", host=settings.host)
