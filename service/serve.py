"""Run the service until it is told to stop."""

import ipaddress
import logging
import sys

import structlog
import uvicorn

from service.app import create_app
from service.running import open_configured_space, open_service
from service.settings import Settings


def serve(settings: Settings) -> None:
    """
    Serves until SIGINT or SIGTERM, then finishes what it has taken.

    Raises:
        ProjectError: the service cannot start; the message says why.
    """
    configure_logging(settings.log_level)
    if not is_loopback(settings.host):
        structlog.get_logger(__name__).warning(
            "listening beyond this machine without API keys: anyone who reaches the port can read and write",
            host=settings.host,
        )
    service = open_service(settings, open_configured_space(settings))
    uvicorn.run(
        create_app(service, settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=20,
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def configure_logging(level: str) -> None:
    """JSON lines on standard error, those of libraries from warnings upwards."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
