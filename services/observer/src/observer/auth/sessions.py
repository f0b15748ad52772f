"""Who is signed in: server-side sessions in state/sessions.json (mode 0600), so that a restart signs nobody out.

The file holds only sha256 of the ids; who reads it can take over nobody's session. A session ends by signing out, by
age, by idleness, or when the password or token that opened it changes (`UserStore.still` says so, auth.py asks).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import Field, ValidationError

from mesh_core.models.records import Record
from mesh_core.runtime.service import pause
from mesh_core.security.users import token_digest
from mesh_core.storage.files import write_whole

MOST_PER_PERSON = 20
MOST = 1000
SAVE_SECONDS = 300.0  # how much of `seen` a crash may cost; a card must not be written all day
CLOCK_SLACK_SECONDS = 60.0

log = structlog.get_logger()


class Session(Record):
    """`mark` is that of what opened it; times are seconds since 1970."""

    name: str
    mark: str
    created: float
    seen: float
    address: str = ""


class SessionFile(Record):
    """The file. `secret` makes the CSRF tokens."""

    secret: str = Field(pattern=r"^[0-9a-f]{64}$")
    sessions: dict[str, Session] = Field(default_factory=dict)


class Sessions:
    """`run` is a part of the service that keeps `seen` on disk."""

    def __init__(
        self, path: Path, *, idle_seconds: float, longest_seconds: float, wall: Callable[[], float] = time.time
    ):
        self._path = path
        self._idle = idle_seconds
        self.longest_seconds = longest_seconds
        self._wall = wall
        self._saving = asyncio.Lock()
        kept = _read(path)
        self._dirty = not path.exists()  # the secret is worth keeping: a page that is open now goes on after a restart
        self._secret = kept.secret
        self._sessions = dict(kept.sessions)

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, SAVE_SECONDS):
            await self._save_or_later()
        await self._save_or_later()

    async def open(self, name: str, mark: str, address: str) -> str:
        """A new session's id, 256 random bits that are nowhere else. Raises OSError when it cannot be kept."""
        self._drop_old(name)
        session_id, now = secrets.token_urlsafe(32), self._wall()
        self._sessions[token_digest(session_id)] = Session(name=name, mark=mark, created=now, seen=now, address=address)
        self._dirty = True
        await self.save()
        return session_id

    def find(self, session_id: str) -> tuple[str, Session] | None:
        """(its digest, the session) while it lives; counts as being used."""
        digest = token_digest(session_id)
        session = self._sessions.get(digest)  # a lookup by a hash of the secret gives nothing away by its time
        if session is None or not self._alive(session):
            if session is not None:
                self.forget(digest)
            return None
        now = self._wall()
        if now - session.seen > 1:
            session = session.model_copy(update={"seen": now})
            self._sessions[digest] = session
            self._dirty = True
        return digest, session

    def lives(self, digest: str) -> bool:
        """Without counting as use: an open page alone must not keep a session for ever."""
        session = self._sessions.get(digest)
        return session is not None and self._alive(session)

    def at(self, digest: str) -> Session | None:
        return self._sessions.get(digest)

    def ends_of(self, digest: str) -> float | None:
        """When it ends at the latest, in seconds since 1970."""
        session = self._sessions.get(digest)
        return session.created + self.longest_seconds if session else None

    def forget(self, digest: str) -> bool:
        """It is over; call `save` so that a restart does not bring it back."""
        self._dirty = self._sessions.pop(digest, None) is not None or self._dirty
        return self._dirty

    def csrf(self, digest: str) -> str:
        """What a page with this session ('': without any) sends along; no other site's page can read it."""
        return self.seal(f"csrf:{digest}")

    def seal(self, text: str) -> str:
        """An HMAC-SHA256 of it in hex, by a secret that no other observer has and a restart keeps."""
        return hmac.new(bytes.fromhex(self._secret), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def csrf_fits(self, digest: str, token: str) -> bool:
        return hmac.compare_digest(self.csrf(digest).encode(), token.encode("utf-8", "surrogatepass"))

    async def save(self) -> None:
        """Raises OSError."""
        async with self._saving:
            if not self._dirty:
                return
            self._dirty = False
            alive = {digest: session for digest, session in self._sessions.items() if self._alive(session)}
            data = SessionFile(secret=self._secret, sessions=alive).model_dump_json(indent=1).encode()
            try:
                await asyncio.to_thread(write_whole, self._path, data, mode=0o600)
            except OSError:
                self._dirty = True
                raise

    async def _save_or_later(self) -> None:
        try:
            await self.save()
        except OSError as error:
            log.warning("auth.sessions_not_saved", reason=str(error))

    def _alive(self, session: Session) -> bool:
        now = self._wall()
        return (
            session.created - CLOCK_SLACK_SECONDS <= now < session.created + self.longest_seconds
            and now < session.seen + self._idle
        )

    def _drop_old(self, name: str) -> None:
        alive = {digest: session for digest, session in self._sessions.items() if self._alive(session)}
        own = sorted((d for d, s in alive.items() if s.name == name), key=lambda d: alive[d].seen)
        every = sorted(alive, key=lambda d: alive[d].seen)
        gone = {*own[: max(0, len(own) - MOST_PER_PERSON + 1)], *every[: max(0, len(every) - MOST + 1)]}
        self._sessions = {digest: session for digest, session in alive.items() if digest not in gone}


def _read(path: Path) -> SessionFile:
    """What was kept; nothing (everybody signs in again) when there is none or it cannot be read."""
    try:
        return SessionFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        pass
    except (ValidationError, OSError) as error:
        log.warning("auth.sessions_unreadable", path=str(path), reason=type(error).__name__)
    return SessionFile(secret=secrets.token_hex(32))
