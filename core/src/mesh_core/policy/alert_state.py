"""Is an alert over? What senders say of the alert itself, not of what it watches. Pure."""

from __future__ import annotations

import re
from typing import Any

# Words that are said of alerts only. "ok", "up", "clear", "closed" are said of things as well, a shut port among them:
# they count in a severity, or where the sender's own fields show that its `state` is the alert's.
_OVER = frozenset({"resolved", "recovered", "recovery", "cleared"})
_OVER_BESIDE = {  # Grafana and what relays it; Nagios, Icinga
    **dict.fromkeys(("rulename", "ruleid", "ruleurl", "alertsource"), ("ok", "normal")),
    "statetype": ("ok", "up"),
}
# What is said of a thing in good health, by whatever watches it: the end of an alert where its state is asked for.
_WELL = frozenset(
    {
        *("ok", "okay", "up", "healthy", "normal", "clear", "closed", "inactive", "removed", "resolve", "not firing"),
        *("passing", "passed", "pass", "success", "succeeded", "successful", "online", "operational", "reachable"),
        *("available", "alive", "good", "green", "fixed", "ended", "back to normal", "running"),
    }
)


def says_well(text: str) -> bool:
    """Is this the word of some sender for an alert that is over? Marks around it (`[OK]`) do not count."""
    word = " ".join(re.findall(r"\w+", text[:60].lower()))
    return word in _OVER or word in _WELL


def is_over(path: tuple[str, ...], word: str, beside: frozenset[str]) -> bool:
    """Does this field say that the alert is over? Keys are folded (`facts.py`); `beside` are the payload's own."""
    if path == ("severity",):
        return word in _OVER or word in ("clear", "ok")
    if path in (("alerts", "status"), ("notificationtype",)):
        return word in _OVER
    if path in (("status",), ("state",)):
        return word in _OVER or any(word in said for sender, said in _OVER_BESIDE.items() if sender in beside)
    return path == ("action",) and word in ("resolve", "resolved")


def is_firing(payload: dict[str, Any]) -> bool:
    """Is any alert of the group not over yet?"""
    listed = payload.get("alerts")
    alerts = [payload, *listed] if isinstance(listed, list) else [payload]
    return any(isinstance(alert, dict) and alert.get("status") in ("firing", "alerting") for alert in alerts)
