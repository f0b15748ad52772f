"""systemctl and journalctl as this agent asks them: reads only, in one language, bounded in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

BOOTED = Path("/run/systemd/system")  # as sd_booted(3) finds out
RUN_SECONDS = 10.0
MAX_UNITS = 200


class SystemdError(OSError):
    """systemctl did not answer."""


async def run(*command: str) -> str:
    """Its standard output. SystemdError if it takes too long or cannot run; who is cancelled leaves no child behind."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={
                "LC_ALL": "C.UTF-8",
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "TZ": "UTC",
            },
        )
    except OSError as error:
        raise SystemdError(f"{command[0]}: {error.strerror}") from error
    try:
        async with asyncio.timeout(RUN_SECONDS):
            output, _ = await child.communicate()
    except TimeoutError:
        raise SystemdError(f"{command[0]} took more than {RUN_SECONDS:g} s") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return output.decode("utf-8", "replace")


async def show(units: Sequence[str], properties: str) -> list[dict[str, str]]:
    """These properties (with commas, `Id` among them) of each unit that systemd can name. SystemdError."""
    if not units:
        return []
    text = await run("systemctl", "show", "--no-pager", "--property", properties, "--", *units[:MAX_UNITS])
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.split("\n\n")]
    return [block for block in blocks if block.get("Id")]
