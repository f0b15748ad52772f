"""Who may post to a hook: a token, or a signature over time and body that was made just now and comes once. Pure.

Without any key a hook is open to programs on this machine only, and only while nobody else reaches the port.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mesh_core.runtime.addresses import is_loopback
from observer.auth.request_origin import FORWARDED, split_host
from observer.hooks.rules import Keys

REPLAY_SECONDS = 300
# Ours first; Grafana's signature header is its default, its timestamp header is what a person types there.
SIGNATURES = ("x-mendmesh-signature", "x-grafana-alerting-signature")
TIMESTAMPS = (
    "x-mendmesh-timestamp",
    "x-grafana-alerting-timestamp",
    "x-grafana-alerting-signature-timestamp",
)


class Access(StrEnum):
    ALLOWED = "allowed"
    UNAUTHENTICATED = "unauthenticated"  # 401: bring a key
    FORBIDDEN = "forbidden"  # 403: no key would help; the operator has to set one


@dataclass(frozen=True)
class AccessDecision:
    """May it come in? `idempotency_key` names a signed request that may be accepted only once."""

    access: Access
    reason: str = ""
    idempotency_key: str = ""


def authenticate(
    keys: Keys, headers: Mapping[str, str], body: bytes, peer: str, now: float, *, loopback: bool
) -> AccessDecision:
    """`headers` by lower-case name. A key that was given and is wrong is never made good by another way in."""
    if not keys.any:
        return _open_to(headers, peer, loopback=loopback)
    if signature := _header(headers, SIGNATURES):
        return _signed(keys, signature, _header(headers, TIMESTAMPS), body, now)
    if authorization := headers.get("authorization", ""):
        if keys.token and same(_token_in(authorization), keys.token):
            return AccessDecision(Access.ALLOWED)
        return AccessDecision(Access.UNAUTHENTICATED, "the token is wrong")
    wanted = [
        *(["Authorization: Bearer TOKEN"] if keys.token else []),
        *([f"{SIGNATURES[0]} and {TIMESTAMPS[0]}"] if keys.secret else []),
    ]
    return AccessDecision(Access.UNAUTHENTICATED, f"this hook wants {' or '.join(wanted)}")


def needs_body(keys: Keys, headers: Mapping[str, str]) -> bool:
    """Is there a signature to check? Otherwise it can be judged before anybody reads a MiB from a stranger."""
    return bool(keys.secret and _header(headers, SIGNATURES))


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `<unix seconds>:<body>` in hex, as Grafana signs."""
    return hmac.new(secret.encode(), timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()


def same(given: str, wanted: str) -> bool:
    """In a time that tells nothing of where they differ, or how long the right one is."""
    digests = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, wanted))
    return hmac.compare_digest(*digests)


def _signed(keys: Keys, signature: str, timestamp: str, body: bytes, now: float) -> AccessDecision:
    if not keys.secret:
        return AccessDecision(
            Access.UNAUTHENTICATED, "this hook has no secret to check a signature with; send its token"
        )
    if not timestamp:
        return AccessDecision(
            Access.UNAUTHENTICATED, f"a signature needs its time: set the timestamp header to {TIMESTAMPS[1]}"
        )
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return AccessDecision(Access.UNAUTHENTICATED, "the timestamp is no number of seconds since 1970")
    signature = signature.removeprefix("sha256=").lower()
    if not same(signature, signature_of(keys.secret, timestamp, body)):
        return AccessDecision(
            Access.UNAUTHENTICATED, "the signature is wrong: it is HMAC-SHA256 of `<timestamp>:<body>` in hex"
        )
    if abs(now - int(timestamp)) > REPLAY_SECONDS:
        return AccessDecision(
            Access.UNAUTHENTICATED, f"the signature is older than {REPLAY_SECONDS} s, or one of two clocks is wrong"
        )
    return AccessDecision(Access.ALLOWED, idempotency_key=signature)


def _open_to(headers: Mapping[str, str], peer: str, *, loopback: bool) -> AccessDecision:
    advice = "set HOOKS_TOKEN_FILE (or HOOKS_SECRET_FILE) and start the observer again"
    if not loopback:
        return AccessDecision(Access.FORBIDDEN, f"this hook has no key, and others reach this port: {advice}")
    if any(name in headers for name in FORWARDED) or not is_loopback(peer):
        return AccessDecision(Access.FORBIDDEN, f"this hook has no key, so it is open to this machine only: {advice}")
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        return AccessDecision(Access.FORBIDDEN, "a web page sent this; hooks are for programs")
    if not is_loopback(split_host(headers.get("host", ""))[0]):
        return AccessDecision(
            Access.FORBIDDEN, f"without a key, a hook answers only to 127.0.0.1 and localhost: {advice}"
        )
    return AccessDecision(Access.ALLOWED)


def _header(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((headers[name].strip() for name in names if headers.get(name, "").strip()), "")


def _token_in(authorization: str) -> str:
    """`Bearer TOKEN`, or Basic with the token for a password: some senders know nothing else."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return _as_sent(rest.strip())
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except ValueError:  # no base64, not even ASCII, or no text in it
            return ""
    return ""


def _as_sent(header: str) -> str:
    """HTTP hands a header on as Latin-1; whoever sends a word with other letters writes UTF-8, as a rule."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header
