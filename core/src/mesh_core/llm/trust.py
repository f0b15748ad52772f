"""Which certificates the clients of model servers trust: read once in a process. Each client reads all of them anew
by itself, 30 ms of processor time for each model of a chain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext


@cache
def trusted(create: Callable[..., SSLContext], *, from_environment: bool = True) -> SSLContext:
    """For a client's `verify`. `create` is its library's `create_ssl_context`; from the environment: SSL_CERT_FILE."""
    return create(trust_env=from_environment)
