"""Tells people: one message to every configured Apprise target. Decides nothing, retries nothing, never shows a URL
(it carries the target's password).

Apprise lives in a child process (`notifier_child.py`): with its plugins it takes 47 MB that no service should keep, and
a target that hangs is ended for real, which a thread cannot be. A child whose message went through takes the next one,
and ends by itself when there is none for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import structlog
from pydantic import Field, SecretStr

from mesh_core.runtime.settings import MANY_LINES, Settings

log = structlog.get_logger()

TARGET_SECONDS = 20.0
START_SECONDS = 60.0  # of the child, until Apprise and its plugins are imported: 2 s of processor time on a laptop
TITLE_CHARS, BODY_CHARS = 250, 8000
KEEP_SECONDS = 30.0  # a child without a message for so long gives its memory back
MOST_CHILDREN = 2  # of one service: each is 47 MB, and seconds of processor time until it is ready
ENDED_IDLE = 0  # its exit status then; a child that was killed has another
CHILD = "mesh_core.notifications.notifier_child"
NOBODY = "nobody was told: no target is configured; set NOTIFY_URLS (Apprise URLs, comma separated)"


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
        return tuple(filter(_is_url, self._named))

    @property
    def unusable(self) -> int:
        """How many words in it are no URLs, and so no targets; they are shown nowhere, for they may hold a password."""
        return len(self._named) - len(self.targets)

    @property
    def _named(self) -> tuple[str, ...]:
        return urls_in(self.notify_urls.get_secret_value()) if self.notify_urls else ()


@dataclass(frozen=True)
class SendResult:
    """`ok` only if every target took it; `reason` is a sentence, `troubles` has one for each target ('' is none)."""

    ok: bool
    reason: str
    troubles: tuple[str, ...] = ()


def urls_in(text: str) -> tuple[str, ...]:
    """Apprise URLs, separated by blanks or commas (a comma inside one stays in it), in quotes or as a list in YAML."""
    return tuple(filter(None, map(_bare, re.split(r"[\s,;]+(?=[\"'\[]{0,2}[A-Za-z][A-Za-z0-9+.-]*://)", text))))


def _bare(word: str) -> str:
    """Without the quotes and marks of a list, and without a comment."""
    bare = re.sub(r"\s#.*|[\s,]+-?\s*$", "", word.strip(), flags=re.DOTALL).strip("\"'")
    bare = bare.removeprefix("[").strip("\"'") if bare.count("[") > bare.count("]") else bare
    bare = bare.removesuffix("]").strip("\"'") if bare.count("]") > bare.count("[") else bare
    return "" if bare in ("-", "#") else bare


def _is_url(word: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://\S", word) is not None


def kind_of(url: str) -> str:
    """What may be shown of a target: `mailto`, `ntfy`."""
    return url.partition("://")[0][:20] if "://" in url else "not a URL"


class AppriseSender:
    """`send` may be called side by side, two go at once; `close` when the service ends (or `async with`)."""

    def __init__(self, *, keep_seconds: float = KEEP_SECONDS):
        self._keep_seconds = keep_seconds
        self._free: list[Process] = []
        self._room = asyncio.Semaphore(MOST_CHILDREN)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send(self, urls: Sequence[str], title: str, body: str, *, seconds: float = TARGET_SECONDS) -> SendResult:
        """Send to all targets at once; at most `seconds`, then those that did not answer have failed.

        The text is sent as plain text: a target that speaks HTML or Markdown gets it escaped.
        """
        if not urls:
            return SendResult(False, NOBODY)
        request = {"urls": list(urls), "title": title[:TITLE_CHARS], "body": body[:BODY_CHARS], "seconds": seconds + 5}
        async with self._room:
            troubles = await self._ask(request, seconds)
        failed = [
            f"target {number} ({kind_of(url)}) {trouble}"
            for number, (url, trouble) in enumerate(zip(urls, troubles, strict=True), 1)
            if trouble
        ]
        log.info("telling.sent", targets=len(urls), failed=len(failed))
        summary = f"{len(urls) - len(failed)} of {len(urls)} targets took the message"
        return SendResult(not failed, "; ".join([summary, *failed]), tuple(troubles))

    async def close(self) -> None:
        """End the children that wait."""
        while self._free:
            await _end(self._free.pop())

    async def _ask(self, request: dict[str, Any], seconds: float) -> list[str]:
        """One trouble for each target, '' where it took the message."""
        troubles = [f"did not answer within {seconds:g} s"] * len(request["urls"])
        while (child := self._waiting()) is not None:
            if await self._tell(child, request, seconds, troubles):
                return troubles  # else it had ended while it waited: nobody was told by it
        try:
            child = await self._start()
        except OSError as error:
            return [f"could not be tried: {error.strerror}"] * len(troubles)
        if child is None:
            return ["could not be tried: Apprise does not start here"] * len(troubles)
        await self._tell(child, request, seconds, troubles)
        return troubles

    async def _start(self) -> Process | None:
        """A child that is ready; None if it is not within START_SECONDS."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", CHILD, str(self._keep_seconds)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a plugin may print its URL there
        )
        ready = b""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(START_SECONDS):
                    ready = await _stdout(child).readline()
        finally:
            if not ready:
                await _end(child)
        return child if ready else None

    def _waiting(self) -> Process | None:
        while self._free:
            child = self._free.pop()
            if child.returncode is None:
                return child
        return None

    async def _tell(self, child: Process, request: dict[str, Any], seconds: float, troubles: list[str]) -> bool:
        """Fill in `troubles`. False: the child was gone before it read the message."""
        whole = False
        try:
            if child.stdin is None:
                raise RuntimeError("asked for pipes and got none")
            with contextlib.suppress(ConnectionError):
                child.stdin.write(json.dumps(request).encode() + b"\n")
                await child.stdin.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while line := await _stdout(child).readline():
                        if (answer := json.loads(line)) is None:
                            whole = True
                            break
                        number, trouble = answer
                        troubles[number] = trouble
        finally:
            if whole:
                self._free.append(child)
            else:
                await _end(child)
        return whole or child.returncode != ENDED_IDLE


def _stdout(child: Process) -> asyncio.StreamReader:
    if child.stdout is None:
        raise RuntimeError("asked for pipes and got none")
    return child.stdout


async def _end(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()
