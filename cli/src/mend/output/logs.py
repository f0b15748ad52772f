"""What the rooms of core log while a command runs: warnings, to stderr, one plain line each; the rest is for services.

stdout is the answer, and with `--json` a program reads it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from mend.output.text import plain


def log_to_stderr() -> None:
    """From now on, where a room that logs has been loaded; most commands load none, and need not pay for one."""
    if "structlog" in sys.modules:
        import structlog

        structlog.configure(
            processors=[_line],
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        )


def _line(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    facts = ", ".join(f"{key} {plain(value, 300)}" for key, value in event.items() if key != "event")
    return f"mend: {plain(event.get('event'), 100)}: {facts}"
