"""Tells people: one message to every configured Apprise target. Decides nothing, retries nothing, never shows a URL
(it carries the target's password)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

TARGET_SECONDS = 20.0
TITLE_CHARS, BODY_CHARS = 250, 8000


@dataclass(frozen=True)
class Sent:
    """`ok` only if every target took the message; `reason` is a sentence."""

    ok: bool
    reason: str


async def send(urls: Sequence[str], title: str, body: str, *, seconds: float = TARGET_SECONDS) -> Sent:
    """Send to all targets at once; at most `seconds`, then those that did not answer have failed."""
    if not urls:
        return Sent(False, "nobody was told: no target is configured; set NOTIFY_URLS (Apprise URLs, comma separated)")
    told = await asyncio.gather(*(_tell(url, title[:TITLE_CHARS], body[:BODY_CHARS], seconds) for url in urls))
    failed = [f"target {number} ({_kind(url)}) {trouble}" for number, (url, trouble) in _troubles(urls, told)]
    log.info("notify.sent", targets=len(urls), failed=len(failed))
    if failed:
        return Sent(False, f"{len(urls) - len(failed)} of {len(urls)} targets took the message; {'; '.join(failed)}")
    return Sent(True, f"{len(urls)} of {len(urls)} targets took the message")


def _troubles(urls: Sequence[str], told: Sequence[str]) -> list[tuple[int, tuple[str, str]]]:
    return [(n, (url, trouble)) for n, (url, trouble) in enumerate(zip(urls, told, strict=True), 1) if trouble]


def _kind(url: str) -> str:
    return url.partition("://")[0][:20] if "://" in url else "not a URL"


async def _tell(url: str, title: str, body: str, seconds: float) -> str:
    """'' if the target took it, else what was wrong."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def settle(trouble: str) -> None:
        if not answer.done():
            answer.set_result(trouble)

    def work() -> None:
        trouble = _notify(url, title, body)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, trouble)

    # A daemon thread, not to_thread: a target that hangs must not hold up the end of the service.
    threading.Thread(target=work, name="notify", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        return f"did not answer within {seconds:g} s"


def _notify(url: str, title: str, body: str) -> str:
    try:
        import apprise  # late: it costs more than the rest of the executor, and most actions tell nobody

        target = apprise.Apprise()
        if not target.add(url):
            return "is not an Apprise URL"
        # notify() returns an object, so ask for its truth
        return "" if bool(target.notify(body=body, title=title)) else "refused the message"
    except Exception as error:  # noqa: BLE001  (a hundred vendors' plugins may raise anything)
        return f"failed: {type(error).__name__}"
