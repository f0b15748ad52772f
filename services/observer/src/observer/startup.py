"""Sign-in out of the settings; no start at all where strangers could reach a page without it."""

from __future__ import annotations

import structlog

from mesh_core.runtime.startup import cannot_start
from mesh_core.security.users import BadPeople, people_path
from observer.auth.auth import Auth
from observer.auth.credentials import UserStore, read_tokens
from observer.auth.person import AuthMode
from observer.auth.request_origin import OriginRules, own_names, read_hosts, read_networks
from observer.auth.sessions import Sessions
from observer.settings import ObserverSettings

log = structlog.get_logger()


def user_store_or_exit(settings: ObserverSettings, service: str) -> UserStore:
    """Who may come in, for `__main__`: or a sentence on stderr and exit status 2. Writes nothing."""
    given = read_tokens(settings.tokens.get_secret_value() if settings.tokens else "")
    users = UserStore(people_path(settings.runtime_path), given, loopback=settings.only_from_here)
    if wrong := problem_with(users, settings):
        cannot_start(service, wrong)
    return users


def auth_or_exit(settings: ObserverSettings, service: str) -> Auth:
    """For the one observer that works here: it goes on with the sessions that lie on disk."""
    users = user_store_or_exit(settings, service)
    sessions = Sessions(
        settings.runtime_path / "state" / "sessions.json",
        idle_seconds=settings.session_idle_seconds,
        longest_seconds=settings.session_seconds,
    )
    host = settings.address.host if settings.address else ""
    own, configured = own_names(host, settings.node_name), read_hosts(f"{settings.hosts} {settings.public_host}")
    rules = OriginRules(own, configured, read_networks(settings.trusted_proxies))
    if users.mode is AuthMode.LINK:
        log.info("auth.by_link", reason="nobody is in config/users.yml: `mend page` makes a one-time sign-in link")
    return Auth(users, sessions, rules, settings.runtime_path)


def problem_with(users: UserStore, settings: ObserverSettings) -> str | None:
    """Why the page must not be served like this; None if it may."""
    try:
        nobody = users.empty
    except BadPeople as error:
        return str(error)
    if nobody and not settings.only_from_here:
        return (
            f"OBSERVER_LISTEN={settings.listen!r} can be reached from other machines, and nobody could sign in: make a "
            "user with `mend users add NAME --role operator`, or set OBSERVER_TOKENS, or listen on 127.0.0.1:8686"
        )
    return None
