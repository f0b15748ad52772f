"""How bad it is, in the words that monitoring systems use for it. Pure."""

from __future__ import annotations

import re

from mesh_core.models.events import Severity

SEVERITIES = {
    **dict.fromkeys(
        ("critical", "crit", "page", "fatal", "emergency", "emerg", "panic", "disaster", "alert", "urgent", "p1"),
        Severity.CRITICAL,
    ),
    **dict.fromkeys(
        ("error", "err", "high", "major", "average", "severe", "danger", "failure", "failed", "p2"),
        Severity.ERROR,
    ),
    **dict.fromkeys(("warning", "warn", "medium", "minor", "moderate", "p3"), Severity.WARNING),
    "sev0": Severity.CRITICAL,
    "sev1": Severity.ERROR,
    **dict.fromkeys(
        ("info", "information", "informational", "notice", "low", "none", "debug", "ok", "good", "success"),
        Severity.INFO,
    ),
    # As people write it in scripts of their own.
    **dict.fromkeys(
        ("kritisch", "critique", "crítico", "crítica", "critico", "critica", "krytyczny"), Severity.CRITICAL
    ),
    **dict.fromkeys(("fehler", "erreur", "errore", "erro", "hoch", "grave", "alta", "élevé", "élevée"), Severity.ERROR),
    **dict.fromkeys(("warnung", "avertissement", "advertencia", "aviso", "avviso", "mittel"), Severity.WARNING),
    **dict.fromkeys(("hinweis", "niedrig", "información", "informazione", "baja", "bassa", "baixa"), Severity.INFO),
}
# A state or a kind that says how bad it is as well: of these fields no other word does ("alert", "low", "none").
_IN_A_STATE = {
    **dict.fromkeys(("critical", "crit", "disaster"), Severity.CRITICAL),
    **dict.fromkeys(("error", "danger", "failure", "failed", "down", "offline", "unhealthy"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn"), Severity.WARNING),
    **dict.fromkeys(("info", "information", "good", "success", "update", "new"), Severity.INFO),
}
# Of a log's line, as syslog counts. What is not bad says nothing: whoever sends a line has chosen it.
SYSLOG = {
    **dict.fromkeys(("0", "1", "2"), Severity.CRITICAL),
    "3": Severity.ERROR,
    "4": Severity.WARNING,
}
_DENIED = frozenset({"not", "non", "no"})
SEVERE = (Severity.ERROR, Severity.CRITICAL)


def severity_in(text: str, *, of_a_state: bool = False) -> Severity | None:
    """The severity that a word or `1 - critical` says; None for anything else."""
    words = re.findall(r"\w+", text[:40].lower())
    known = _IN_A_STATE if of_a_state else SEVERITIES
    if len(words) > 3 or not _DENIED.isdisjoint(words):
        return None
    return next((known[word] for word in words if word in known), None)
