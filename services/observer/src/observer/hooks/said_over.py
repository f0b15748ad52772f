"""Do a sender's words say that its alert is over? A state, a kind of event, a whole title. Pure.

A title is a sentence, so only endings count that say it of the thing itself ("nas is up again"), and none in a title
that also speaks of a failure ("could not be recovered", "is back up, 3 files failed").
"""

from __future__ import annotations

import re

from mesh_core.policy.event_facts.alert_state import says_well
from observer.hooks.alert import MAX_WORD_CHARS
from observer.hooks.plain_words import lines_of, only_names, plain_words

_MOST_CHARS = 200
# Of a state or a kind, as no agent of ours says it; of other languages what people write into scripts of their own.
_OVER = frozenset(
    {
        *("renewed", "reconnected"),
        *("behoben", "gelöst", "entwarnung", "résolu", "résolue", "rétabli", "rétablie", "resuelto", "resuelta"),
        *("recuperado", "recuperada", "resolvido", "resolvida", "risolto", "risolta", "ripristinato", "ripristinata"),
        *("opgelost", "hersteld", "løst", "löst", "rozwiązany", "решено", "восстановлено", "已恢复", "已解决", "復旧"),
    }
)
# That this ends is said of alerts only: a session, a backup and a maintenance end, too.
_ENDS = (["end"], ["ended"], ["deactivated"])
_OF_ALERTS = frozenset({"alert", "alarm", "incident", "problem", "outage"})
_BULLETS = ("* ", "- ", "\u2022")
_NOT = re.compile(
    r"\b(?:not|no|never|cannot|unable|without|longer|partially|partly|un\w+|\w+n t"
    r"|fail\w*|error|errors|degraded|corrupt\w*|missing|lost)\b"
)
_BAD = re.compile(
    r"\b(?:down|refused|denied|timeout|timed out|killed|kill|oom|deferred|bounced|expired|full|exceeded|panic|abort\w*"
    r"|crash\w*|dead|stop\w*|exit\w*|reset|offline|disconnected|overheat\w*|critical|warning|read only|drop\w*)\b"
)
# Behind a hump only what is said of health: `BackUp` and `ConnectionClosed` are no ends.
_HUMPED = re.compile(r"(.*[a-z])(Restored|Resolved|Recovered|Cleared|Healthy)")
# A kind that says what is over.
_OVER_FIRST = re.compile(r"(?:Resolved|Recovered|Cleared)(?:Critical|Error|Warning|Info|MissingData|NoData)")
_ACKNOWLEDGED = re.compile(r"(?i)[\s_-](?:un)?ack(?:ed|nowledged)?$")  # whether anybody looked at it, beside its state
# Behind who says it, in capitals; the marks of a state behind that word.
_BEHIND_SENDER = re.compile(r"\s*(?:\[[^\]]{1,60}\]\s*)+(?:RESOLVED|RECOVERED|RECOVERY|OK|CLEARED)\b")
_IN_BRACKETS = re.compile(r"\W*\[(?:resolved|recovered|recovery|cleared|ok)\]", re.IGNORECASE)  # whatever it quotes
_SHOWN = re.compile(r"\s*[(\[](?:green|ok|up|clear)[)\]]\s*$", re.IGNORECASE)
_MARKED = re.compile(r"\W*(?:resolved|recovered|recovery|ok|cleared)\s*(?:[]):|]|-\s|\u2013)", re.IGNORECASE)
_ALERT_OVER = re.compile(
    r"\b(?:recovered|resolved)$"
    r"|\b(?:alert|alarm|incident|problem|issue|outage|fault)s? (?:is |are |was |were |has |have |been )*"
    r"(?:cleared|closed|over|ended)$"
    r"|\bback (?:to normal|online)$"
)
_ALL_WELL = re.compile(
    r"\b(?:is|are|now|came) (?:back |now |again )*(?:up|ok|normal|online|healthy|reachable|available)(?: again| now)*$"
    r"|\bhealthy again$|\b(?:succeeded|success|successful|successfully)$"
    r"|\b(?:power|connection|connectivity|communications?|link) (?:has been |is |was )?restored\b(?! from)"
    # Of what is good when it is little.
    r"|\b(?:cpu|memory|temperature|bandwidth|load\w*|usage|utili[sz]ation|latency)\b.* below threshold$"
)


def says_over(text: str) -> bool:
    """Of a state or a kind: `OK`, `[RESOLVED]`, `monitor.up`, `incident_resolved`, `HealthRestored`."""
    text = _ACKNOWLEDGED.sub("", text)
    words = _plain(text).split()
    if _is_over(text) or _OVER_FIRST.fullmatch(text) or (words[-1:] in _ENDS and not _OF_ALERTS.isdisjoint(words)):
        return True
    *before, last = re.split(r"[._:/-]", text)
    if last.lower() == "inactive" and before and _OF_ALERTS.isdisjoint(words):
        return False  # a unit, a timer
    humped = _HUMPED.fullmatch(last)
    said = [*before, *(re.findall(r"[A-Z]?[a-z]+|[A-Z]+", humped[1]) if humped else ())]
    ends_so = humped is not None or _is_over(last) or (last.lower() == "restored" and bool(before))
    is_word = not re.search(r"\s", text) and ends_so
    return is_word and not _NOT.search(_plain(" ".join(said)))


def _is_over(word: str) -> bool:
    return says_well(word) or _plain(word) in _OVER


def says_alert_over(title: str) -> bool:
    """In words that are said of alerts only, whatever beside them says how bad it was."""
    if _plain(_ACKNOWLEDGED.sub("", title)) == "cleared":
        return True
    if _IN_BRACKETS.match(title):
        return True
    is_marked = any(form.match(title) for form in (_MARKED, _BEHIND_SENDER))
    return _ends(title, _ALERT_OVER) or (is_marked and not _NOT.search(_plain(title)))


def says_all_well(title: str) -> bool:
    return says_alert_over(title) or _ends(title, _ALL_WELL)


def speaks_of_failure(title: str) -> bool:
    return _NOT.search(_plain(title)) is not None


def speaks_of_trouble(line: str) -> bool:
    """Of a log, whose programs call much information that is none."""
    plain = plain_words(line, MAX_WORD_CHARS)
    return len(line) >= MAX_WORD_CHARS or _NOT.search(plain) is not None or _BAD.search(plain) is not None


def says_lists_over(text: str) -> bool:
    """Of a line that only names who says it, and lists under headings, each of which says that these alerts are over.

    What is listed quotes the trouble. Of a text that was cut nobody knows the headings.
    """
    if len(text) >= MAX_WORD_CHARS:
        return False
    first, *rest = lines_of(text) or [""]
    said = [line for line in rest if not line.startswith(_BULLETS)]
    names_it = only_names(first) and not _NOT.search(_plain(first))
    return names_it and bool(said) and all(line.endswith(":") and _ends(line, _ALERT_OVER) for line in said)


def _ends(title: str, how: re.Pattern[str]) -> bool:
    plain = _plain(_SHOWN.sub("", title))
    return how.search(plain) is not None and not _NOT.search(plain)


def _plain(text: str) -> str:
    return plain_words(text, _MOST_CHARS)
