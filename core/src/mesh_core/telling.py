"""Tells people: one message to every configured Apprise target. Decides nothing, retries nothing, never shows a URL
(it carries the target's password).

Apprise lives in a child process for each message (`telling_child.py`): with its plugins it takes 47 MB that no service
should keep, and a target that hangs is ended for real, which a thread cannot be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from pydantic import Field, SecretStr

from mesh_core.settings import MANY_LINES, Settings

log = structlog.get_logger()

TARGET_SECONDS = 20.0
START_SECONDS = 30.0  # of the child, until Apprise is imported: 0.7 s of processor time on a laptop
TITLE_CHARS, BODY_CHARS = 250, 8000
CHILD = "mesh_core.telling_child"


class TargetSettings(Settings):
    """Where people are told; for whoever tells them: the executor approved notifications, the observer news."""

    notify_urls: SecretStr | None = Field(
        None,
        alias="NOTIFY_URLS",
        description="Apprise URLs where people are told: approved notifications, and the news (notifications.yml)",
        json_schema_extra=MANY_LINES,
    )

    @property
    def targets(self) -> tuple[str, ...]:
        return urls_in(self.notify_urls.get_secret_value()) if self.notify_urls else ()


@dataclass(frozen=True)
class Sent:
    """`ok` only if every target took it; `reason` is a sentence, `troubles` has one for each target ('' is none)."""

    ok: bool
    reason: str
    troubles: tuple[str, ...] = ()


def urls_in(text: str) -> tuple[str, ...]:
    """Apprise URLs, separated by blanks or commas (a comma inside a URL stays in it)."""
    return tuple(url for url in re.split(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)", text.strip()) if url)


def kind_of(url: str) -> str:
    """What may be shown of a target: `mailto`, `ntfy`."""
    return url.partition("://")[0][:20] if "://" in url else "not a URL"


async def send(urls: Sequence[str], title: str, body: str, *, seconds: float = TARGET_SECONDS) -> Sent:
    """Send to all targets at once; at most `seconds`, then those that did not answer have failed.

    The text is sent as plain text: a target that speaks HTML or Markdown gets it escaped.
    """
    if not urls:
        return Sent(False, "nobody was told: no target is configured; set NOTIFY_URLS (Apprise URLs, comma separated)")
    troubles = await _in_child(urls, title[:TITLE_CHARS], body[:BODY_CHARS], seconds)
    failed = [
        f"target {number} ({kind_of(url)}) {trouble}"
        for number, (url, trouble) in enumerate(zip(urls, troubles, strict=True), 1)
        if trouble
    ]
    log.info("telling.sent", targets=len(urls), failed=len(failed))
    told = f"{len(urls) - len(failed)} of {len(urls)} targets took the message"
    return Sent(not failed, "; ".join([told, *failed]), tuple(troubles))


async def _in_child(urls: Sequence[str], title: str, body: str, seconds: float) -> list[str]:
    """One trouble for each target, '' where it took the message."""
    troubles = [f"did not answer within {seconds:g} s"] * len(urls)
    try:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a plugin may print its URL there
        )
    except OSError as error:
        return [f"could not be tried: {error.strerror}"] * len(urls)
    try:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("asked for pipes and got none")
        asked = {"urls": list(urls), "title": title, "body": body, "seconds": START_SECONDS + seconds}
        with contextlib.suppress(ConnectionError):
            child.stdin.write(json.dumps(asked).encode() + b"\n")
            child.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                ready = await child.stdout.readline()
            if not ready:
                return ["could not be tried: Apprise does not start here"] * len(urls)
            async with asyncio.timeout(seconds):
                while line := await child.stdout.readline():
                    number, trouble = json.loads(line)
                    troubles[number] = trouble
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    return troubles
