"""Notification in words: a title and a text for one thing or for many. Pure.

Text that we did not write (a model's reason, an event's words) reaches a person inert: one line, capped, without
control or reading-direction characters, and without what a chat would read as markup, a mention or a link.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from mesh_core.models.records import parse_time
from observer.notify.notifications import Notification
from observer.notify.rules import MessageTemplate, NotificationRules
from observer.notify.triggers import kinds

TITLE_CHARS, BODY_CHARS = 200, 3000
FACT_CHARS = 400
MOST_LINES = 20
# Cc control, Cf format (every bidi mark, zero-width characters), Cs half surrogates, Co private, Zl/Zp line breaks
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Look-alikes that no chat and no mail program takes for markup, a mention or a link.
_INERT = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "&": "\N{FULLWIDTH AMPERSAND}",
        "@": "\N{FULLWIDTH COMMERCIAL AT}",
        "#": "\N{FULLWIDTH NUMBER SIGN}",
        "*": "\N{ASTERISK OPERATOR}",
        "`": "'",
        "~": "\N{TILDE OPERATOR}",
        "|": "\N{BROKEN BAR}",
        "[": "(",
        "]": ")",
        "\\": "\N{BIG REVERSE SOLIDUS}",
    }
)
_UNTOLD = {"wrong": "trouble", "touches": "see there"}  # of a proposal that could not be read any more
_LINKS = (("://", ":\N{DIVISION SLASH}\N{DIVISION SLASH}"), ("www.", "www\N{ONE DOT LEADER}"))


@dataclass(frozen=True)
class RenderedMessage:
    title: str
    body: str


def render(notifications: Sequence[Notification], rules: NotificationRules, public_url: str) -> RenderedMessage:
    """One thing by its template; several as a list, the oldest first."""
    if len(notifications) == 1:
        return _one(notifications[0], rules, public_url)
    counts = Counter(item.kind for item in notifications)
    title = f"{len(notifications)} news: " + ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in counts.items())
    lines = [f"- {_clock(item)} {_one(item, rules, public_url).title}" for item in notifications[:MOST_LINES]]
    if len(notifications) > MOST_LINES:
        lines.append(f"- and {len(notifications) - MOST_LINES} more")
    lines.append(_page(public_url) or "mend pending, mend history")
    return RenderedMessage(title[:TITLE_CHARS], "\n".join(lines)[:BODY_CHARS])


def link_to(notification: Notification, public_url: str) -> str:
    """Where to look: the page, or a command where no page is known."""
    if notification.action_id is None:
        return _page(public_url, f"world?q={notification.node}") or "mend status"
    return (
        _page(public_url, f"proposals/{notification.action_id}")
        or f"mend show {notification.action_id.rpartition('-')[2]}"
    )


def inert(text: str, limit: int = FACT_CHARS) -> str:
    """One line that is only read, never obeyed."""
    kept = "".join(" " if c in "\t\n\r" else "" if unicodedata.category(c) in _UNSEEN else c for c in text[: 4 * limit])
    line = " ".join(kept.translate(_INERT).split())
    for link, harmless in _LINKS:
        line = line.replace(link, harmless)
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _one(notification: Notification, rules: NotificationRules, public_url: str) -> RenderedMessage:
    kind = kinds()[notification.kind]
    own = rules.templates.get(notification.kind, MessageTemplate())
    # The link is ours; everything else may hold somebody else's text.
    values = {name: inert(value) for name, value in _values(notification).items()}
    values["link"] = link_to(notification, public_url)
    filled = Template(own.title or kind.title).safe_substitute(values)
    return RenderedMessage(
        " ".join(filled.split())[:TITLE_CHARS], Template(own.body or kind.body).safe_substitute(values)[:BODY_CHARS]
    )


def _values(notification: Notification) -> dict[str, str]:
    facts = dict.fromkeys(("type", "reason", "by", "risk", "confidence", "model", "expires", "event", "state"), "")
    target = f"{notification.node}/{notification.service}" if notification.service else notification.node
    return {
        **facts,
        **_UNTOLD,
        **notification.facts,
        "place": target,
        "node": notification.node,
        "service": notification.service or "",
        "kind": notification.kind,
        "id": notification.action_id or "",
        "severity": notification.severity.value,
        "when": _local(notification.at),
        **({"expires": _local(notification.facts["expires"])} if "expires" in notification.facts else {}),
    }


def _local(text: str) -> str:
    return parse_time(text).astimezone().strftime("%Y-%m-%d %H:%M")


def _clock(notification: Notification) -> str:
    return parse_time(notification.at).astimezone().strftime("%H:%M")


def _page(public_url: str, target: str = "") -> str:
    return f"{public_url.rstrip('/')}/#/{target}" if public_url else ""
