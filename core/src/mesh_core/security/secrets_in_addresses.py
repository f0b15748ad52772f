"""Passwords and tokens in URLs and connection strings, hidden. Pure."""

from __future__ import annotations

import re

from mesh_core.security.secret_values import HIDDEN, KEY_OF_HEX, is_random, is_strange, name_like

# user:password@ up to the last @ of the word (a password may hold one, and slashes); a port is no password
_USER_AND_PASSWORD = re.compile(r"(?<=://)[^\s/@:'\"<>]{0,256}:(?!\d{1,5}(?:[/?#\s]|$))[^\s'\"<>]{0,512}@")
_TOKEN_AS_USER = re.compile(r"(?<!ssh://)(?<!git://)(?<!sftp://)(?<!rsync://)(?<=://)[^\s/@'\"<>:]{1,512}@")
# user/password@//host, user:password@tcp(host)
_BARE_LOGIN = re.compile(r"(?<![\w/@:.])([A-Za-z_][\w.-]{0,40}[:/])[^\s'\"@/]{4,200}(?=@(?://|tcp\(|unix\())")
# Behind one of these, a segment of letters with digits is the key to the door.
_DOOR = re.compile(
    r"(/(?:api/)?(?:[a-z]{0,20}web-?hooks?(?:b2)?|hooks?|bot|push|incoming(?:webhook)?|services|workflows|triggers|ping|send|notify|u|in|"
    r"catch|hookshot|invoke|trigger|key|token|secret|share|invite|reset|confirm|verify|magic|login|r|s)/)"
    r"([^\s'\"<>?#]{12,512})",
    re.IGNORECASE,
)
_SEGMENT = re.compile(r"[^/]+")
_PING_HOST = re.compile(
    r"(://(?:hc-ping|nosnch|cronitor|[\w.-]{0,60}(?:ping|beat|hook)[\w-]{0,20})\.[\w.-]{1,60}/)([^\s'\"<>?#]{6,200})"
)
# A login as Subsonic takes it: one letter means the password where the one before it means the user.
_LETTERS = re.compile(r"([?&]u=[^\s&'\"]{1,80}&p=)[^\s&'\"]{4,200}")


def in_addresses(text: str) -> str:
    if "&p=" in text:
        text = _LETTERS.sub(rf"\1{HIDDEN}", text)
    if "@" in text:
        text = _BARE_LOGIN.sub(rf"\1{HIDDEN}", text)
    if "://" not in text:
        return text
    text = _USER_AND_PASSWORD.sub(f"{HIDDEN}@", text)
    text = _TOKEN_AS_USER.sub(f"{HIDDEN}@", text)
    return _PING_HOST.sub(_door, _DOOR.sub(_door, text))


def _door(found: re.Match[str]) -> str:
    def segment(part: re.Match[str]) -> str:
        word = part[0]
        odd = len(word) >= 12 and any(c.isdigit() for c in word) and (is_strange(word) or not word.isalnum())
        mixed = len(word) >= 12 and word.isalnum() and not (word.islower() or word.isupper() or word.istitle())
        return HIDDEN if odd or mixed or KEY_OF_HEX.fullmatch(word) or is_random(word) else word

    shown = _SEGMENT.sub(segment, found[2])
    if HIDDEN in shown:  # the ids before the last one are part of the key
        shown = _SEGMENT.sub(lambda part: HIDDEN if _is_id(part[0]) else part[0], shown)
    return found[1] + shown


def _is_id(segment: str) -> bool:
    """Such as T8RLVN1OO: drawn, or eight capitals and more."""
    return not name_like(segment) or (len(segment) > 7 and segment.isupper())
