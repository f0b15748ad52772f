"""Authentication: who is this, may they change something, and was it really them who asked?

Answers questions about requests; knows no route and reads no body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import cookie_parser

from mesh_core.models.records import rfc3339
from mesh_core.runtime.addresses import ip_of
from mesh_core.security.sign_in_links import person_name, take_link
from observer.auth.credentials import Account, UserStore, link_account
from observer.auth.devices import COOKIE as DEVICE_COOKIE
from observer.auth.devices import DeviceCookies
from observer.auth.login import LoginVerifier
from observer.auth.person import AuthMethod, AuthMode, Person, SessionOut
from observer.auth.request_origin import OriginRules, RequestOrigin, host_allowed, split_host
from observer.auth.sessions import Sessions

COOKIE = "mend_session"
SECURE_COOKIE = "__Host-mend_session"
CSRF_HEADER = "x-csrf-token"


class Auth:
    """All that the web asks about people."""

    def __init__(self, users: UserStore, sessions: Sessions, rules: OriginRules, runtime: Path):
        self.users = users
        self.sessions = sessions
        self.rules = rules
        self._runtime = runtime
        self.devices = DeviceCookies(sessions.seal)
        self.login = LoginVerifier(users, self.devices)

    async def close(self) -> None:
        await self.login.close()

    @property
    def mode(self) -> AuthMode:
        return self.users.mode

    def host_fits(self, origin: RequestOrigin) -> bool:
        return host_allowed(origin.host, self.rules, only_loopback=self.mode is AuthMode.LINK)

    def no_page_could_rebind(self, origin: RequestOrigin) -> bool:
        """As `host_fits`, for what a program of another machine may ask through a tunnel: any address will do, too."""
        return self.host_fits(origin) or ip_of(split_host(origin.host)[0]) is not None

    def person(self, origin: RequestOrigin) -> Person | None:
        """Who asks; None for a stranger. Raises BadPeople. A Bearer token is never mixed with a cookie."""
        authorization = origin.headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            known = self.users.token(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
            return _person(known, AuthMethod.TOKEN, origin, known.mark) if known else None
        session_id = session_cookie(origin)
        found = self.sessions.find(session_id) if session_id else None
        if found is None:
            return None
        digest, session = found
        known = self.users.still(session.name, session.mark)
        if known is None:
            self.sessions.forget(digest)
            return None
        return _person(known, AuthMethod.SESSION, origin, digest)

    def by_link(self, token: str) -> Account | None:
        """Who made this one-time link, which is used up by this; None where it opens nothing. Blocks for a moment."""
        if self.mode is not AuthMode.LINK:
            return None
        uid = take_link(self._runtime, token)
        return None if uid is None else link_account(person_name(uid))

    def still(self, person: Person) -> bool:
        """May an answer that is still being given (a stream) go on? Raises BadPeople."""
        if person.how is AuthMethod.SESSION:
            return self.sessions.lives(person.session) and self._session_known(person.session)
        return self.users.still(person.name, person.session) is not None

    def csrf_fits(self, person: Person, origin: RequestOrigin) -> bool:
        """A cookie goes along with any page's request; this header only with those of our own page."""
        if person.how is AuthMethod.TOKEN:
            return True
        return self.sessions.csrf_fits(person.session, origin.headers.get(CSRF_HEADER, ""))

    def session_info(self, person: Person) -> SessionOut:
        """What the page is told."""
        ends = self.sessions.ends_of(person.session)
        return SessionOut(
            name=person.name,
            role=person.role,
            auth=person.how,
            csrf=None if person.how is AuthMethod.TOKEN else self.sessions.csrf(person.session),
            expires_at=rfc3339(datetime.fromtimestamp(ends, UTC)) if ends else None,
        )

    def _session_known(self, digest: str) -> bool:
        session = self.sessions.at(digest)
        return session is not None and self.users.still(session.name, session.mark) is not None


def session_cookie(origin: RequestOrigin) -> str | None:
    """The id in the cookie that fits the connection."""
    value = _cookies(origin).get(cookie_name(origin))
    return value[:128] if value else None


def device_cookie(origin: RequestOrigin) -> str:
    """What a browser shows that somebody signed in with before; '' without it."""
    return _cookies(origin).get(DEVICE_COOKIE, "")


def _cookies(origin: RequestOrigin) -> dict[str, str]:
    # Not http.cookies: it stops at the first cookie that it dislikes, and other programs on this host set some, too.
    return cookie_parser(origin.headers.get("cookie", "")[:8192])


def cookie_name(origin: RequestOrigin) -> str:
    return SECURE_COOKIE if origin.scheme == "https" else COOKIE


def _person(known: Account, how: AuthMethod, origin: RequestOrigin, session: str = "") -> Person:
    return Person(name=known.name, role=known.role, how=how, address=origin.address, session=session)
