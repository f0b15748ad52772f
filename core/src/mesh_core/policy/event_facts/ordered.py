"""Does a field show that a thing ended to an order or a plan, or that somebody looked again and it is back? Pure.

An order is a command in a field of its own (`history`, `last_command`, `auth_log`, `docker_events`): not in what the
program printed, nor in a sentence of the alert, which anybody may write. It only takes a start away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.incidents.event_types import DOES_NOT_RUN
from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.payload_fields import word_in

_SENTENCES = re.compile(
    r"(?:title|summary|description|message|msg|info|errors?|text|body|notes?|subject|detail|reason|unit|labels?)s?"
    r"|(?!auth|sudo|audit).*(?:logs?|lines?|journal|stdout|stderr|tail|output|trace)"
)
_VERB = r"(?:stop|down|disable|mask|kill|pause|rm|remove|shutdown|destroy)"
_OPTIONS = r"(?: -{1,2}[\w-]+(?:[= ][\w./-]+)?)*"
_COMMAND = re.compile(
    r"(?:^|[\s=:/;(\"'])(?:systemctl|service|rc-service|sv|supervisorctl|pm2|docker|podman|docker-compose|nerdctl|incus"
    rf"|virsh|qm|pct)(?: compose| container)?{_OPTIONS} (?P<before>[\w@.-]+ )?{_VERB}\b(?P<behind>[^;&|\n]{{0,80}})"
)
# As platforms log what somebody told them: `app.stop by ada@lab`.
_TOLD_TO = re.compile(
    r"\b(?:stop|pause|suspend|disable|shutdown|undeploy|scale)(?:ped|d|ed)? (?:was )?by [\w.+-]+@[\w.-]+"
)
_PLAN = re.compile(
    r"(?:planned|scheduled|maintenance)(?:stop|off|down|downtime|outage|shutdown|work|window|until|note|since)?s?"
    r"|changes?(?:id|ticket|request|number)|changeticket|change"
)
_ENDED = re.compile(r"(?:.*_)?(?:crashed|exited|died|inactive|stopped|dead)")
_LOOKED_AGAIN = re.compile(
    r"(?:re|second|next|later|last)(?:check|checked|try|probe|test|look)(?:ed|now)?|retry|retried|checkagain"
)
_ANSWERS = re.compile(r"(?:http(?:/[\d.]+)? )?2\d\d\b|(?:ok|up|healthy|online|passed|success|answers|reachable)\b")
_STATE = frozenset(
    {
        *("now", "current", "currently", "currentstate", "state", "status", "unitstate", "containerstate", "systemctl"),
        *("systemd", "dockerps", "restarted", "afterrestart", "statenow", "statusnow"),
    }
)
_RUNS = re.compile(
    r"(?:yes,? |is )?(?:active \(running\)|up (?:about )?(?:\d+|an?) ?(?:s|m|h|d|w)[a-z]*\b(?!.*unhealthy))"
)


def is_ended_by_order(event: HealthEvent) -> bool:
    """`{"history": "07:01 ada: systemctl stop web"}`; not where the command names another thing."""
    own = (event.service or "").lower().removesuffix(".service")
    return any(_ends(own, text) for key, text in _texts(event.payload) if not _SENTENCES.fullmatch(key))


def _ends(own: str, text: str) -> bool:
    said = _COMMAND.search(text)
    if said is None:
        return _TOLD_TO.search(text) is not None
    named = [word for word in f"{said['before'] or ''} {said['behind']}".split() if not word.startswith(("-", "("))]
    return not named or (own != "" and any(own in word for word in named))


def is_planned(event: HealthEvent) -> bool:
    """`{"maintenance": "until 06:00"}`, `{"change": "CHG-12"}` of what has ended: no silence, for nobody gave its
    beginning and its end."""
    if event.type not in DOES_NOT_RUN and not _ENDED.fullmatch(event.type):
        return False
    return any(_is_a_plan(bare_key(key), value) for key, value in event.payload.items())


def _is_a_plan(key: str, value: Any) -> bool:
    """That it is in maintenance, as a truth, is a window that somebody declared (`alert_state.py`)."""
    if _PLAN.fullmatch(key) is None or not isinstance(value, bool | str):
        return False
    truth = truth_in(value)
    return truth is None or (truth and not key.startswith("maintenance"))


def is_back(event: HealthEvent) -> bool:
    """Somebody looked again and got an answer; or what is said not to run is shown running."""
    says_ended = event.type in DOES_NOT_RUN or _ENDED.fullmatch(event.type) is not None
    for key, value in ((bare_key(name), value) for name, value in event.payload.items()):
        word = str(value) if isinstance(value, int) else word_in(value)
        if _LOOKED_AGAIN.fullmatch(key) and not isinstance(value, bool) and _ANSWERS.match(word):
            return True
        if says_ended and key in _STATE and (_RUNS.match(word) or (key == "state" and word == "running")):
            return True
    return False


def _texts(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in payload.items():
        lines = value if isinstance(value, list) else [value]
        yield from ((bare_key(key), line[:300].lower()) for line in lines[:50] if isinstance(line, str))
