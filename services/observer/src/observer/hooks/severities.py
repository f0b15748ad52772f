"""How bad it is, in the words that monitoring systems use for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mesh_core.models.events import Severity

# As people and programs of other languages write them.
_SEVERE_ELSEWHERE = {
    **dict.fromkeys(
        (
            *("kritisch", "critique", "crítico", "crítica", "critico", "critica", "krytyczny", "krytyczna"),
            *("krytyczne", "kritický", "kritická", "kritické", "kritiek", "kritik", "критический", "критическая"),
            *("критично", "авария", "紧急", "致命", "緊急", "重大", "심각"),
        ),
        Severity.CRITICAL,
    ),
    **dict.fromkeys(
        (
            *("fehler", "erreur", "errore", "erro", "fout", "błąd", "blad", "chyba", "fejl", "fel", "feil", "hata"),
            *("ошибка", "错误", "錯誤", "严重", "嚴重", "エラー", "오류", "障害"),
        ),
        Severity.ERROR,
    ),
    **dict.fromkeys(
        (
            *("warnung", "avertissement", "advertencia", "aviso", "avviso", "waarschuwing", "ostrzeżenie"),
            *("upozornění", "varování", "varning", "advarsel", "uyarı", "предупреждение", "警告", "주의", "경고"),
        ),
        Severity.WARNING,
    ),
}
SEVERITIES = {
    **_SEVERE_ELSEWHERE,
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
        ("info", "information", "informational", "notice", "low", "none", "debug", "ok", "good", "success", "normal"),
        Severity.INFO,
    ),
    **dict.fromkeys(("hoch", "grave", "alta", "élevé", "élevée"), Severity.ERROR),
    "mittel": Severity.WARNING,
    **dict.fromkeys(("hinweis", "niedrig", "información", "informazione", "baja", "bassa", "baixa"), Severity.INFO),
}
# A state or a kind that says how bad it is as well: of these fields no other word does ("alert", "low", "none").
_IN_A_STATE = {
    **_SEVERE_ELSEWHERE,
    **dict.fromkeys(
        ("fehlgeschlagen", "ausgefallen", "échoué", "échec", "fallido", "fallito", "falhou"), Severity.ERROR
    ),
    **dict.fromkeys(("critical", "crit", "disaster"), Severity.CRITICAL),
    **dict.fromkeys(
        (
            *("error", "danger", "failure", "failed", "down", "offline", "unhealthy", "dead", "crashed"),
            *("unreachable", "unresponsive", "zombie", "fatal", "nok", "exited", "caído", "caido", "abgestürzt"),
            *("giù", "giu", "nieaktywny", "упал", "宕机", "离线", "異常", "异常", "停止"),
        ),
        Severity.ERROR,
    ),
    **dict.fromkeys(("warning", "warn"), Severity.WARNING),
    **dict.fromkeys(("info", "information", "good", "success", "update", "new"), Severity.INFO),
}
# Of a log's line, as syslog counts. What is not bad says nothing: whoever sends a line has chosen it.
SYSLOG = {
    **dict.fromkeys(("0", "1", "2"), Severity.CRITICAL),
    "3": Severity.ERROR,
    "4": Severity.WARNING,
}
_DENIED = frozenset(
    {
        *("not", "non", "no", "nicht", "kein", "keine", "ohne", "aucune", "pas", "sans"),
        *("nessun", "senza", "sin", "sem"),
    }
)
# Of what looks at a thing: a person, a plan or what it depends on told it not to look.
_PAUSED_BY = re.compile(
    r"(?:paused|angehalten|pausiert|(?:en )?pause|suspendu|pausado|in pausa|gepauzeerd)\W+(?:\w+ ){0,2}"
    r"(?:by|durch|von|par|por|da|door) (?:\w+ )?"
    r"(?:user|person|schedule|dependency|benutzer|zeitplan|abhängigkeit|utilisateur|usuario|usuário|utente|gebruiker)\b"
)
SEVERE = (Severity.ERROR, Severity.CRITICAL)


def severity_of_state(text: str) -> Severity | None:
    """Of a state or a kind, of which fewer words say how bad it is."""
    if _PAUSED_BY.match(text[:80].lower()):
        return Severity.INFO
    return None if text.startswith("0 ") else severity_in(text, _IN_A_STATE)


def severity_in(text: str, known: Mapping[str, Severity] = SEVERITIES) -> Severity | None:
    """The severity that a word or `1 - critical` says; None for anything else."""
    words = re.findall(r"\w+", text[:40].lower())
    if len(words) > 3 or not _DENIED.isdisjoint(words):
        return None
    return next((known[word] for word in words if word in known), None)
