"""A Redis URL as text: shown without its password, taken apart, put together. Opens no connection. Pure.

Apart from `bus.py`, which needs redis-py: the node agent's settings come through here, and it must stay small.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

_DATABASE = re.compile(r"/?|/[0-9]{1,5}/?")
_WHOLE, _SECONDS = re.compile("[0-9]{1,9}"), re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_NUMBERS = {
    **dict.fromkeys(("db", "health_check_interval", "max_connections"), _WHOLE),
    **dict.fromkeys(("socket_connect_timeout", "socket_timeout"), _SECONDS),
}
_OPTIONS = _NUMBERS.keys() | {
    *("username", "password", "client_name", "socket_keepalive"),
    *("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_cert_reqs"),
    "ssl_check_hostname",
}
_PASSWORD_OPTION = re.compile(r"([?&](?:ssl_)?password=)[^&#]*")  # ssl_: of the key that a client shows


def masked(url: str) -> str:
    """The URL as it may be printed, whatever state it is in: up to the last @ nothing after the user is shown."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    login, at, where = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    shown = _PASSWORD_OPTION.sub(r"\1***", where)
    return f"{scheme}{mark}{user}{':***' if colon else ''}{at}{shown}"


def is_readable(url: str) -> bool:
    """Can the URL be taken apart? A `/`, `#` or `?` in a password that is not quoted ends the host too early."""
    try:
        parts = urlsplit(url)
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def problem_in(url: str) -> str:
    """What a client would stumble over, or read otherwise than another one; '' for nothing. Quotes nothing: a password
    that was not quoted ends up anywhere."""
    parts = urlsplit(url)
    if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
        return "what follows the host is no number of a database; write redis://HOST:PORT/0"
    options = parse_qs(parts.query, keep_blank_values=True)
    if not options.keys() <= _OPTIONS:
        return f"it has an option that nobody knows here; there are {', '.join(sorted(_OPTIONS))}"
    wrong = next((name for name, number in _NUMBERS.items() if not number.fullmatch(options.get(name, ["0"])[0])), "")
    return f"its option {wrong} is no such number" if wrong else ""


def has_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password or parse_qs(parts.query).get("password"))


def user_of(url: str) -> str:
    return unquote(urlsplit(url).username or "")


def password_of(url: str) -> str:
    """What stands before the @, unquoted; '' without one."""
    return unquote(urlsplit(url).password or "")


def with_login(url: str, user: str, password: str) -> str:
    """The same server with this user ('' keeps the URL's own) and password ('' for none)."""
    parts = urlsplit(url)
    name = quote(user, safe="") if user else (parts.username or "")
    login = f"{name}:{quote(password, safe='')}@" if password else f"{name}@" if name else ""
    return parts._replace(netloc=login + parts.netloc.rpartition("@")[2]).geturl()
