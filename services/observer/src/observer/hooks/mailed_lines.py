"""What a mail says in lines of its own (`Service: postfix`), where its subject says the same. Pure.

A text may quote a stranger; the subject is the sender's. So a line counts only where the subject ends with what a pair
of them says ("... Does not exist postfix"), as Monit and what is built on it write both.
"""

from __future__ import annotations

import re
from typing import Any

from mesh_core.models.owner_labels import bare_key

_SUBJECTS = ("subject", "title", "betreff")
_TEXTS = ("body", "text", "plain", "content", "message")
_MOST_LINES = 40
_LINE = re.compile(r"\s*(Service|Event):\s+(\S.{0,119})")


def with_mailed_lines(body: dict[str, Any]) -> dict[str, Any]:
    """With `service` and `event`, where it has none of both."""
    texts = {bare_key(key): text for key, text in body.items() if isinstance(text, str)}
    subject = next((texts[key] for key in _SUBJECTS if texts.get(key)), "")
    if not subject or "service" in texts or "event" in texts:
        return body
    lines = [line for key in _TEXTS for line in texts.get(key, "")[:4000].splitlines()[:_MOST_LINES]]
    told = [(found[1], found[2].strip()) for line in lines if (found := _LINE.fullmatch(line))]
    events, services = ([text for name, text in told if name == kind] for kind in ("Event", "Service"))
    ends = " " + subject.strip().partition("\n")[0].strip()
    agreed = {(event, one) for event in events for one in services if ends.endswith(f" {event} {one}")}
    return body | dict(zip(("event", "service"), agreed.pop(), strict=True)) if len(agreed) == 1 else body
