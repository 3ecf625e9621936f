"""Logs as lines on standard error: JSON for machines, or columns for people."""

import json
import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
)


def configure_logging(level: str, form: str = "json") -> None:
    """
    Ours from `level` upwards, those of libraries from warnings upwards; all in one form.

    Args:
        form: `json` or `console`.
    """
    ending = _endings(form)
    structlog.configure(
        processors=[*_SHARED, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=[remove, *ending]))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _endings(form: str) -> list[Processor]:
    if form == "console":
        plain = structlog.dev.plain_traceback  # the other kinds print local variables, texts of items among them
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]


def _to_json(line: object, **how: Any) -> str:
    try:
        return orjson.dumps(line, how["default"]).decode()
    except TypeError:  # half of a surrogate pair, or a number of more than 64 bits: a line is written whatever it holds
        return json.dumps(line, **how)
