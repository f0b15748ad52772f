"""What a probe's own code may raise: anything. Whether that is the probe's failure, and how it is told."""

from __future__ import annotations

import asyncio


def is_stopping() -> bool:
    """Did the agent ask for the cancellation? One that came from within a probe is a failure of that probe."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
