"""Modules that others take along wherever they find them, and no service uses: hidden while those are imported.

A checkout has rich, click and pygments for the command line. structlog would take rich for coloured tracebacks, httpx
all three for a command line of its own: 4 MiB and more in each service. Afterwards whoever wants them imports them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Whoever imports one of these top-level modules meanwhile gets an ImportError, as if it was not installed."""
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)
