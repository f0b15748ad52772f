"""The doorkeeper out of the settings; no start at all where strangers could reach a page without one."""

from __future__ import annotations

import sys

import structlog

from mesh_core.runtime.settings import CANNOT_START
from mesh_core.security.users import BadPeople, people_path
from observer.auth.arrival import Rules, own_names, read_hosts, read_networks
from observer.auth.auth import Auth
from observer.auth.book import Book, read_tokens
from observer.auth.person import Mode
from observer.auth.sessions import Sessions
from observer.settings import ObserverSettings

log = structlog.get_logger()


def book_or_exit(settings: ObserverSettings, service: str) -> Book:
    """Who may come in, for `__main__`: or a sentence on stderr and exit status 2. Writes nothing."""
    given = read_tokens(settings.tokens.get_secret_value() if settings.tokens else "")
    book = Book(people_path(settings.runtime_path), given, loopback=settings.only_from_here)
    if wrong := problem_with(book, settings):
        print(f"{service}: {CANNOT_START}: {wrong}", file=sys.stderr)
        raise SystemExit(2)
    return book


def doorkeeper_or_exit(settings: ObserverSettings, service: str) -> Auth:
    """For the one observer that works here: it goes on with the sessions that lie on disk."""
    book = book_or_exit(settings, service)
    sessions = Sessions(
        settings.runtime_path / "state" / "sessions.json",
        idle_seconds=settings.session_idle_seconds,
        longest_seconds=settings.session_seconds,
    )
    host = settings.address.host if settings.address else ""
    own, told = own_names(host, settings.node_name), read_hosts(f"{settings.hosts} {settings.public_host}")
    rules = Rules(own, told, read_networks(settings.trusted_proxies))
    if book.mode is Mode.LINK:
        log.info("auth.by_link", why="nobody is in config/users.yml: `mend page` makes a one-time sign-in link")
    return Auth(book, sessions, rules, settings.runtime_path)


def problem_with(book: Book, settings: ObserverSettings) -> str | None:
    """Why the page must not be served like this; None if it may."""
    try:
        nobody = book.empty
    except BadPeople as error:
        return str(error)
    if nobody and not settings.only_from_here:
        return (
            f"OBSERVER_LISTEN={settings.listen!r} can be reached from other machines, and nobody could sign in: make a "
            "user with `mend users add NAME --role operator`, or set OBSERVER_TOKENS, or listen on 127.0.0.1:8686"
        )
    return None
