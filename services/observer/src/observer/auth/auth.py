"""The observer's doorkeeper: who is this, may they change something, and was it really them who asked?

Answers questions about requests; knows no route and reads no body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import cookie_parser

from mesh_core.models.records import rfc3339
from mesh_core.runtime.addresses import ip_of
from mesh_core.security.sign_in_links import person_name, take_link
from observer.auth.arrival import Arrival, Rules, host_allowed, split_host
from observer.auth.book import Book, Known, linked
from observer.auth.devices import COOKIE as DEVICE_COOKIE
from observer.auth.devices import Devices
from observer.auth.person import How, Mode, Person, SessionOut
from observer.auth.sessions import Sessions
from observer.auth.signing_in import SigningIn

COOKIE = "mend_session"
SECURE_COOKIE = "__Host-mend_session"
CSRF_HEADER = "x-csrf-token"


class Auth:
    """All that the web asks about people."""

    def __init__(self, book: Book, sessions: Sessions, rules: Rules, runtime: Path):
        self.book = book
        self.sessions = sessions
        self.rules = rules
        self._runtime = runtime
        self.devices = Devices(sessions.seal)
        self.signing_in = SigningIn(book, self.devices)

    async def close(self) -> None:
        await self.signing_in.close()

    @property
    def mode(self) -> Mode:
        return self.book.mode

    def host_fits(self, arrival: Arrival) -> bool:
        return host_allowed(arrival.host, self.rules, only_loopback=self.mode is Mode.LINK)

    def no_page_could_rebind(self, arrival: Arrival) -> bool:
        """As `host_fits`, for what a program of another machine may ask through a tunnel: any address will do, too."""
        return self.host_fits(arrival) or ip_of(split_host(arrival.host)[0]) is not None

    def person(self, arrival: Arrival) -> Person | None:
        """Who asks; None for a stranger. Raises BadPeople. A Bearer token is never mixed with a cookie."""
        authorization = arrival.headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            known = self.book.token(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
            return _person(known, How.TOKEN, arrival, known.mark) if known else None
        session_id = session_cookie(arrival)
        found = self.sessions.find(session_id) if session_id else None
        if found is None:
            return None
        digest, session = found
        known = self.book.still(session.name, session.mark)
        if known is None:
            self.sessions.forget(digest)
            return None
        return _person(known, How.SESSION, arrival, digest)

    def by_link(self, token: str) -> Known | None:
        """Who made this one-time link, which is used up by this; None where it opens nothing. Blocks for a moment."""
        if self.mode is not Mode.LINK:
            return None
        uid = take_link(self._runtime, token)
        return None if uid is None else linked(person_name(uid))

    def still(self, person: Person) -> bool:
        """May an answer that is still being given (a stream) go on? Raises BadPeople."""
        if person.how is How.SESSION:
            return self.sessions.lives(person.session) and self._session_known(person.session)
        return self.book.still(person.name, person.session) is not None

    def csrf_fits(self, person: Person, arrival: Arrival) -> bool:
        """A cookie goes along with any page's request; this header only with those of our own page."""
        if person.how is How.TOKEN:
            return True
        return self.sessions.csrf_fits(person.session, arrival.headers.get(CSRF_HEADER, ""))

    def told(self, person: Person) -> SessionOut:
        """What the page is told."""
        ends = self.sessions.ends_of(person.session)
        return SessionOut(
            name=person.name,
            role=person.role,
            auth=person.how,
            csrf=None if person.how is How.TOKEN else self.sessions.csrf(person.session),
            expires_at=rfc3339(datetime.fromtimestamp(ends, UTC)) if ends else None,
        )

    def _session_known(self, digest: str) -> bool:
        session = self.sessions.at(digest)
        return session is not None and self.book.still(session.name, session.mark) is not None


def session_cookie(arrival: Arrival) -> str | None:
    """The id in the cookie that fits the connection."""
    value = _cookies(arrival).get(cookie_name(arrival))
    return value[:128] if value else None


def device_cookie(arrival: Arrival) -> str:
    """What a browser shows that somebody signed in with before; '' without it."""
    return _cookies(arrival).get(DEVICE_COOKIE, "")


def _cookies(arrival: Arrival) -> dict[str, str]:
    # Not http.cookies: it stops at the first cookie that it dislikes, and other programs on this host set some, too.
    return cookie_parser(arrival.headers.get("cookie", "")[:8192])


def cookie_name(arrival: Arrival) -> str:
    return SECURE_COOKIE if arrival.scheme == "https" else COOKIE


def _person(known: Known, how: How, arrival: Arrival, session: str = "") -> Person:
    return Person(name=known.name, role=known.role, how=how, address=arrival.address, session=session)
