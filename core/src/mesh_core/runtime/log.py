"""structlog, set up once per process: JSON lines for machines, aligned colours on a terminal.

A service's `__main__` imports this room before all others (ruff keeps it there), and so structlog without rich.
"""

from __future__ import annotations

import logging
import sys

from mesh_core.runtime.hidden_modules import hidden

with hidden("rich"):
    import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def setup(service: str, *, level: str = "info", stream: object = None) -> None:
    """Every line says its service, level and time; facts are keys. Colours only when a person is looking."""
    out = stream or sys.stderr
    tty = bool(getattr(out, "isatty", lambda: False)())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if tty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=out),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service)
