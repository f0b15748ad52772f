"""One Redis: append, enter, publish, refuse. A record goes to its stream first (durable), then to its channel (live).

Never retries by itself: redis-py's default retries wrote an XADD twice after a lost reply. Callers repeat what is safe
to repeat: explicit ids, and scripts that look before they write.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import redis.asyncio as aioredis
import redis.exceptions
import structlog
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from mesh_core.messaging.replies import pairs_of, text_of
from mesh_core.messaging.scripts.reading import PAGE
from mesh_core.messaging.scripts.writing import ADOPT_ONCE, ENTER, ENTER_REQUEST, HEARD_AT, PUBLISH_ONCE
from mesh_core.models.events import ENTRY_BYTES, MAX_EVENT_BYTES, DeadLetter, HealthEvent, Trust
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.records import Record, rfc3339, utc_now
from mesh_core.models.requests import Request, RequestReply
from mesh_core.models.streams import ENTERED, EVENT_STREAM_PREFIX, FOREIGN_STREAM, HEARD_PREFIX
from mesh_core.runtime.metrics import DEAD_LETTERS, REDIS_FAILURES
from mesh_core.runtime.redis_url import masked as masked

DEAD_LETTER_BYTES = 4096
LETTERS_AN_HOUR = 2000  # from one source: each leaves a key for a week, and a flood of rubbish must not fill Redis
IDEMPOTENCY_SECONDS = 7 * 86400
CONNECT_SECONDS = 2.0
REPLY_SECONDS = 5.0
ADOPTION_WINDOW_MS = 2000
HEARD_KEPT_MS = 3_600_000  # how long a listener may be kept from saying what it heard
READ_BYTES = 4 * 1024 * 1024  # what one read of streams brings at most, give or take the last entries
# One more than any record has: what is longer comes cut, and is refused.
LONGEST_PAYLOAD = MAX_EVENT_BYTES + ENTRY_BYTES + 1


log = structlog.get_logger()


class Hearing(NamedTuple):
    """When a listener heard a message, and since when it had not looked (monotonic seconds)."""

    at: float
    looked_at: float


class BusDown(ConnectionError):
    """Redis cannot be reached, or did not answer in time; the call may or may not have taken effect."""


class BusLoginRefused(BusDown):
    """It answers, and refuses who asks: no login, or another one than it knows."""


class Page(NamedTuple):
    """(id, payload) of entries of one stream; `ended` when there is nothing behind them."""

    entries: tuple[tuple[str, bytes], ...]
    ended: bool


class Bus:
    """A client for short commands. Blocking reads have a client of their own (consumer.py)."""

    def __init__(self, url: str, name: str):
        self.url = url
        self.name = name
        self.redis = client_for(url, name)
        self._letters: dict[str, tuple[float, int]] = {}  # source -> when its hour began, letters since

    @classmethod
    def connect(cls, url: str, name: str) -> Bus:
        """No traffic yet: the first command connects."""
        return cls(url, name)

    async def close(self) -> None:
        await self.redis.aclose()

    async def call(self, *command: object) -> Any:
        """One command; BusDown instead of the client's several connection errors."""
        with or_down():
            return await self.redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def script(self, source: str, keys: list[str], args: list[object]) -> Any:
        """A Lua script by digest, loaded on demand (a restarted server has forgotten it)."""
        runner = self.redis.register_script(source)
        with or_down():
            return await runner(keys=keys, args=cast("list[Any]", args))

    async def run(self, pipe: Pipeline) -> list[Any]:
        """Every reply, or BusDown; the connection goes back either way (a script that could not be loaded keeps it)."""
        async with pipe:
            with or_down():
                return list(await pipe.execute())

    async def is_up(self) -> bool:
        try:
            return bool(await self.call("PING"))
        except BusDown:
            return False

    async def append(self, node: str, entry_id: str, raw: bytes) -> None:
        """A node's own event into its own stream under an explicit id, exactly once, then to the channel.

        "equal or smaller" means that it is there already and only the reply was lost. Raises BusDown.
        """
        try:
            await self.call("XADD", f"{EVENT_STREAM_PREFIX}{node}", entry_id, "p", raw)
        except redis.exceptions.ResponseError as error:
            if "equal or smaller" not in str(error):
                raise
        await self.call("PUBLISH", HealthEvent.channel, raw)

    async def last_id(self, stream: str) -> str:
        """The newest entry id ever given in `stream`; `0-0` if there is no such stream."""
        try:
            info = await self.call("XINFO", "STREAM", stream)
        except redis.exceptions.ResponseError:
            return "0-0"
        return text_of(pairs_of(info)["last-generated-id"])

    async def page(self, stream: str, first: str, *, last: str = "+", count: int = 500) -> Page:
        """From `first` on (`(id`: after it), at most `count` entries and READ_BYTES. Raises BusDown."""
        ended, rows = await self.script(PAGE, [stream], [first, last, count, READ_BYTES, LONGEST_PAYLOAD])
        return Page(tuple((entry_id.decode(), raw) for entry_id, raw in rows), bool(ended))

    async def enter(
        self,
        event: HealthEvent,
        trust: Trust,
        *,
        idempotency_key: str | None = None,
        idempotency_seconds: int = IDEMPOTENCY_SECONDS,
    ) -> HealthEvent | None:
        """An event that no node agent wrote: into the stream of its door, and to the channel. Returns it with its id.

        At most one event is entered under one `idempotency_key` in `idempotency_seconds`; None if it was there before.
        """
        stream = ENTERED.get(trust, FOREIGN_STREAM)
        bare = event.model_copy(update={"id": None, "trust": trust})
        keys = [stream, "mesh:ev:seq", f"mesh:once:{idempotency_key}" if idempotency_key else ""]
        entry = await self.script(ENTER, keys, [bare.wire(), event.node, HealthEvent.channel, idempotency_seconds])
        return bare.model_copy(update={"id": f"{event.node}/{entry.decode()}"}) if entry else None

    async def adopt(self, event: HealthEvent, raw_digest: str, hearing: Hearing | None = None) -> str | None:
        """A hand-published message into `_foreign`; None if a listener adopted it that heard it at the same time.

        The same bytes within two seconds are one message. Without a `hearing` it is heard just now.
        """
        bare = event.model_copy(update={"id": None, "trust": Trust.FOREIGN})
        keys = [FOREIGN_STREAM, "mesh:ev:seq", f"{HEARD_PREFIX}{raw_digest}"]
        entry = await self.script(ADOPT_ONCE, keys, [bare.wire(), event.node, *await self._hearing_arguments(hearing)])
        return f"{event.node}/{entry.decode()}" if entry else None

    async def enter_request(self, asked: Request | RequestReply, *, live: bool = True) -> str | None:
        """What a person asks for into its stream and, `live`, to its channel; the id of its entry.

        None if it is there already: a request by its id, a reply by its bytes. Raises BusDown.
        """
        key = (
            f"request:{asked.id}" if isinstance(asked, Request) else f"reply:{hashlib.sha256(asked.wire()).hexdigest()}"
        )
        keys = [asked.stream, "mesh:ev:seq", f"mesh:once:{key}"]
        arguments: list[object] = [asked.wire(), asked.channel if live else "", IDEMPOTENCY_SECONDS]
        entry = await self.script(ENTER_REQUEST, keys, arguments)
        return entry.decode() if entry else None

    async def heard_at(self, raw_digest: str, hearing: Hearing | None = None) -> str:
        """The moment (ms) under which this hearing counts: the same for every listener that heard it then."""
        heard_ms = await self.script(HEARD_AT, [f"{HEARD_PREFIX}{raw_digest}"], await self._hearing_arguments(hearing))
        return str(heard_ms.decode())

    async def _hearing_arguments(self, hearing: Hearing | None) -> list[object]:
        """What a script must know of a hearing, by the clock of Redis: however long the script takes to get through."""
        asked = time.monotonic()
        seconds, micros = await self.call("TIME")
        asking = time.monotonic() - asked  # somewhere in it the server looked at its clock
        heard = hearing or Hearing(asked, asked)
        heard_ms = int(seconds) * 1000 + int(micros) // 1000 - int((asked - heard.at) * 1000)
        unseen_ms = int((heard.at - heard.looked_at + asking) * 1000)
        return [heard_ms, unseen_ms, ADOPTION_WINDOW_MS, HEARD_KEPT_MS]

    async def publish(self, record: Record, *, idempotency_key: str | None = None, stream: str | None = None) -> bool:
        """To the record's stream (or the one named here), then its channel; one record at most of an `idempotency_key`.

        Returns False if it had been published before. One script, so a crash leaves neither half. An action's updates
        come in order: what its planner has not said yet is said before.
        """
        proposal = f"proposal:{record.action_id}" if isinstance(record, ActionUpdate) and stream is None else ""
        keys = [stream or record.stream, f"mesh:once:{idempotency_key}" if idempotency_key else "", proposal]
        return bool(await self.script(PUBLISH_ONCE, keys, [record.wire(), record.channel, IDEMPOTENCY_SECONDS]))

    async def announce(self, channel: str, raw: bytes) -> int:
        """To a channel only; how many heard it."""
        return int(await self.call("PUBLISH", channel, raw))

    async def refuse(self, raw: bytes, *, source: str, reason: str, actor: str, entry_id: str = "") -> None:
        """Keep what was refused: the first 4 KiB of it, and why. Repeating it for one entry is harmless.

        Of one source LETTERS_AN_HOUR are kept; what comes above that is only counted.
        """
        if not self._is_kept(source):
            DEAD_LETTERS.add()
            return
        letter = DeadLetter(
            ts=rfc3339(utc_now()),
            source=source,
            entry_id=entry_id,
            reason=reason[:500],
            by=actor,
            raw=raw[:DEAD_LETTER_BYTES].decode("utf-8", "backslashreplace"),
        )
        if await self.publish(letter, idempotency_key=f"dead:{source}:{entry_id}" if entry_id else None):
            DEAD_LETTERS.add()

    def _is_kept(self, source: str) -> bool:
        now = time.monotonic()
        since, letters = self._letters.get(source, (now, 0))
        if now - since > 3600:
            since, letters = now, 0
        self._letters[source] = (since, letters + 1)
        if letters == LETTERS_AN_HOUR:
            log.error("bus.refused_only_counted", source=source, letters=letters)
        return letters < LETTERS_AN_HOUR


DOWN = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterDownError,
    OSError,
    asyncio.TimeoutError,
)
# What a person's question may end in: as well that its user may not ask it, or that there is no such database.
NOT_SERVED = (BusDown, redis.exceptions.ResponseError)


# The server lives but takes no writes now: a full disk, too few replicas, a script that goes on. As good as away, and
# it passes.
# In a pipeline the client puts the command before what the server said.
_NOT_NOW = re.compile(
    r"""(Command # .* caused error: \(?["']?)?(MISCONF|NOREPLICAS|MASTERDOWN|OOM|READONLY|BUSY)\b""", re.DOTALL
)


@contextmanager
def or_down() -> Iterator[None]:
    """Whatever the client calls an outage leaves this block as BusDown; mistakes of ours leave it as they are."""
    try:
        yield
    except redis.exceptions.AuthenticationError as error:
        REDIS_FAILURES.add()
        raise BusLoginRefused(str(error)) from error
    except DOWN as error:
        REDIS_FAILURES.add()
        raise BusDown(str(error) or type(error).__name__) from error
    except redis.exceptions.ResponseError as error:
        if not _NOT_NOW.match(str(error)):
            raise
        REDIS_FAILURES.add()
        raise BusDown(str(error)) from error


def client_for(url: str, name: str, *, reply_seconds: float = REPLY_SECONDS) -> aioredis.Redis:
    """A client that never retries. `protocol` is left alone: 3 changes the shape of replies.

    A connection that the server closed while nobody used it (its `timeout`, a restart, a balancer) is opened anew
    before anything is sent on it; but not where maintenance notifications are on: in redis-py 8 they are, unasked.
    """
    return aioredis.Redis.from_url(
        url,
        client_name=name,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=reply_seconds,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        health_check_interval=0,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        driver_info=None,  # looking up the library's version takes as long as connecting, and no server asks for it
    )
