"""A value beside its name in other forms: options, lists, calls, directives, XML, `"name": n, "value": v`. Pure."""

from __future__ import annotations

import re

from mesh_core.security.secret_names import NO, STRONG, strength_of
from mesh_core.security.secret_values import HIDDEN, is_path, says_a_state
from mesh_core.security.secrets_assigned import is_hidden


def in_markup(text: str) -> str:
    text = _OPTION.sub(_option, text)
    text = _VALUE.sub(_pair, text) if "value" in text.lower() else text
    if "</" in text:
        text = _TAG.sub(_tag, text)
        for kind in (_NAMED_TAG, _KEY_TAG):
            text = kind.sub(_named_tag, text)
    if "(" in text:
        text = _LOGIN_CALL.sub(_login_call, _CALL.sub(_call, text))
    text = _NEIGHBOURS.sub(_neighbour, text)
    return _DIRECTIVE.sub(_directive, text)


_OPTION = re.compile(
    r"(?<![\w-])(--?[A-Za-z][\w.-]{1,50})"
    r"([\"'][ \t]{0,4},[ \t]{0,4}[\"']|[\"']?,?[ \t]{1,4}(?:\\\n[ \t]{0,16})?[\"']?)"
    r"((?!-)[^\s'\"]{1,2048}|(?<=\")[^\"\n]{1,2048}|(?<=')[^'\n]{1,2048})"
)
# "name": "DB_PASSWORD", "value": "..."; <add key="DbPassword" value="..."/>; - name: DB_PASSWORD, next line value: ...
_VALUE = re.compile(r"\b([Vv]alue\\?[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\?[\"']?)([^\"'\n\\]{1,2048})")
_NAMED = re.compile(
    r"(?i)\b(?:name|key|var|variable|field|option)\\?[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\?[\"']?([\w.-]{2,80})\Z"
)
_TAG = re.compile(r"<([\w:.-]{2,60})(?:\s[^<>]{0,200})?>(?:<!\[CDATA\[)?([^<>\]]{1,2048})(?=\]\]>|</)")
_NAMED_TAG = re.compile(
    r"(<\w{1,40}\s[^<>]{0,200}?\b(?:name|id|key)=[\"']([\w.-]{2,60})[\"'][^<>]{0,200}>)([^<>]{1,2048})(?=</)"
)
_KEY_TAG = re.compile(r"(<key>([^<>]{2,60})</key>\s{0,40}<string>)([^<>]{1,2048})(?=</)")


def _option(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    strength = strength_of(name.rstrip("0123456789"))
    if strength > NO and is_hidden(strength, name, value, " "):
        return f"{name}{between}{HIDDEN}"
    return found[0]


# "passwd", "..." in a list, define("AUTH_KEY", "..."), setPassword("..."), a name and its value in a configuration file
_NEIGHBOURS = re.compile(
    r"((\\?[\"'])-{0,2}([\w.-]{2,60})\2[ \t]{0,4}(?:,|=>)[ \t]{0,4}(\\?[\"']))([^\"'\\\n]{3,200})(?=\4)"
)
_CALL = re.compile(r"((?<![\w.])([\w.$>-]{2,60})\([ \t]{0,4}([\"']))([^\"'\n]{3,200})(?=\3)")
_LOGIN_CALL = re.compile(
    r"(?i)(\b(?:pdo|mysqli(?:_connect)?|getconnection|connect|auth|login|begin|authenticate|createconnection)"
    r"[ \t]{0,2}=?[ \t]{0,2}\([^()\n]{0,200}?[\"'][^\"'()\n]{0,120}[\"'][ \t]{0,4},[ \t]{0,4}([\"']))"
    r"([^\"'()\n]{4,100})(?=\2[ \t]{0,4}[,)])"
)
_DIRECTIVE = re.compile(
    r"(?m)^([ \t]{0,40}(?:[\w.-]{1,60}[ \t]{1,8}){0,2}?([\w.-]{2,60})([ \t]{1,40}))"
    r"([\"']?)([^\s\"';]{4,512}|(?<=[\"'])[^\"'\n]{4,200})(?=\4;?[ \t]*$)"
)


def _neighbour(found: re.Match[str]) -> str:
    strength = strength_of(found[3])
    return found[1] + HIDDEN if strength > NO and is_hidden(strength, found[3], found[5], ",") else found[0]


def _call(found: re.Match[str]) -> str:
    return found[1] + HIDDEN if strength_of(found[2]) == STRONG and not says_a_state(found[4]) else found[0]


def _login_call(found: re.Match[str]) -> str:
    return found[0] if found[3].isalpha() and found[3].islower() else found[1] + HIDDEN


def _directive(found: re.Match[str]) -> str:
    start, name, gap, quote, value = found.groups()
    if strength_of(name.rstrip("0123456789")) != STRONG or says_a_state(value) or is_path(value) or HIDDEN in value:
        return found[0]
    made_up = any(c in name for c in "_.-") or not (name.islower() or name.istitle())  # no word of a sentence
    alone = start.strip() == name and (len(gap) > 1 or "\t" in gap)
    odd = bool(quote) or not value.isalpha()
    return (
        f"{start}{quote}{HIDDEN}"
        if alone or (made_up and value[0].isalnum()) or (odd and start.strip() == name)
        else found[0]
    )


def _pair(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - 120) : found.start()].rstrip(" \t\n,\"'\\")
    named = _NAMED.search(before)
    if named and strength_of(named[1]) == STRONG and not says_a_state(found[2]):
        return f"{found[1]}{HIDDEN}"
    return found[0]


def _tag(found: re.Match[str]) -> str:
    start = found[0][: found.start(2) - found.start()]
    if strength_of(found[1]) == STRONG and not says_a_state(found[2]):
        return start + HIDDEN
    return found[0]


def _named_tag(found: re.Match[str]) -> str:
    return found[1] + HIDDEN if strength_of(found[2]) == STRONG and not says_a_state(found[3]) else found[0]
