"""What a body of any sender says in fields whose names mean the same wherever they come from. Pure; reads no prose.

An object's own `name` stands for the object (`{"host": {"name": "nas"}}`), a list of names and values for an object,
and JSON in a text for itself. What lies nearer to the top comes first.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any

from mesh_core.models.events import Severity
from mesh_core.models.owner_labels import bare_key
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.alert_state import says_well
from mesh_core.policy.event_facts.payload_fields import is_of_another_time
from observer.hooks.alert import MAX_WORD_CHARS
from observer.hooks.mapping import NODE_LABELS, SERVICE_LABELS
from observer.hooks.plain_words import plain_words
from observer.hooks.said_over import says_alert_over, says_all_well, says_lists_over, says_over
from observer.hooks.severities import SEVERE, severity_in

MOST_FIELDS = 400
MOST_LEVELS = 5
MOST_NAME_CHARS = 120
_LISTS = ("alerts", "events", "problems", "incidents", "notifications", "records", "items")
_WRAPPED = frozenset({"message", "payload", "data", "body", "detail", "details"})  # may be JSON in a text
_NAMED_BY = ("name", "displayname", "title", "key", "label")
# Our labels' names for what other senders call otherwise. Of mapping.node_labels and service_labels the rest is known.
_LABELS = {
    "node": ("hostdisplayname", "servername", "systemname", "agentname", "machinename", "machineid", "hostid"),
    "host": ("hostalias", "configurationitems", "resourcename"),
    "service": ("app", "application", "appname", "applicationname"),
    "url": ("monitorurl", "targeturl", "websiteurl"),
}
# Names of whatever it may be: they say a host or a service where the mesh knows one that is called so.
_CALLED = (
    *("device", "devicename", "system", "monitorfriendlyname", "monitorname", "friendlyname", "name"),
    *("servicedescription", "servicedesc", "family"),
)
_RULES = (
    *("alertname", "alarmname", "rulename", "alertrule", "rule", "policyname", "triggername", "trigger", "scenario"),
    *("problemname", "problem", "checkname", "check", "servicedescription", "servicedesc", "sensorname", "sensor"),
    *("conditionname", "condition", "alert", "alarm", "monitorfriendlyname", "monitorname", "monitor", "eventname"),
    *("failuretype", "alerttype", "notifytype", "eventtype", "event", "jobname", "job", "operationname"),
    *("mainoperation", "type", "kind", "automation", "friendlyname", "name"),
)
_TITLES = (
    *("title", "subject", "summary", "headline", "message", "msg", "text", "content", "body", "name"),
    *("titel", "betreff", "meldung", "nachricht", "titre", "titulo", "asunto", "mensaje"),
    *("description", "desc", "output", "serviceoutput", "hostoutput", "status", "state"),
)
# Which of several things of one host: the end of one is none of another.
_THINGS = (
    *("jobid", "job", "backupname", "plan", "datastore", "repository", "pool", "volume", "mountpoint", "mount"),
    *("disk", "device", "devicename", "interface", "chart", "sensor", "camera", "entityid", "image", "alert"),
)
_SEVERITIES = (
    *("severity", "severitylabel", "eventseverity", "alertseverity", "level", "alertlevel", "loglevel", "priority"),
    *("importance", "criticality", "urgency", "servicestate", "hoststate"),
)
_STATES = ("status", "state", "result", "parsedresult", "outcome", "conclusion")
_KINDS = ("type", "color")  # of chat messages and notifications: `success`, `good`
_INCIDENTS = (
    *("fingerprint", "incidentid", "incidentkey", "dedupkey", "dedupekey", "alertid", "problemid", "monitorid"),
    *("checkid", "checkuuid"),
)
_TIMES = ("startsat", "startedat", "starttime", "occurredat", "time", "timestamp", "date", "createdat")
_ALERTS_STATE = (  # of the alert alone, whatever else is said of the thing
    *("alertstatus", "alertstate", "eventstatus", "incidentstate", "incidentstatus", "newstatevalue", "newstate"),
    *("newstatus", "currentstate", "currentstatus", "monitorcondition", "monitorstatus", "checkstatus", "transition"),
    *("alerttypefriendlyname", "notificationtype", "notifytype", "eventtype", "event", "action"),
    *("servicestate", "triggerstatus", "triggerstate"),
)
_NONE_LEFT = ("eventvalue", "triggervalue")  # how many problems: 0 is the end, where no word says how it stands
_OUTPUTS = ("output", "serviceoutput", "hostoutput")  # of a check: another text each time
_SAY_HOW_IT_STANDS = tuple(key for key in _ALERTS_STATE if key.endswith(("state", "status")))
_YES_IS_WELL = ("isresolved", "recovered", "isup", "up", "success", "succeeded", "healthy")
_NO_IS_WELL = ("firing", "isfiring", "triggered", "isdown", "failed")
# Kinds that say no more than that something is said.
_SAYS_NOTHING = frozenset(
    {
        *("alert", "alarm", "event", "incident", "message", "notification", "notify", "problem", "trigger", "monitor"),
        *("triggered", "fired", "firing", "open", "opened", "new", "created", "started", "default", "object", "update"),
        "health",
    }
)
_OVER_SEVERITIES = frozenset({"clear", "cleared", "ok", "resolved", "recovered"})
# Whom it speaks of beside the host: who sends or gets it, who attacks, what is referred to.
_OF_OTHERS = frozenset(
    {"source", "sender", "user", "receiver", "client", "attacker", "remote", "contact", "author", "target"}
)
_STATE_WORDS = re.compile(
    r"\b(?:is|are|was|has|been|now|back|again|to|up|down|ok|not|resolved|unresolved|recovered|recovery|restored|cleared"
    r"|closed|open|opened|normal|online|offline|unreachable|reachable|succeeded|successful|successfully|success|failed"
    r"|failure|failing|healthy|unhealthy|passing|firing|triggered|problem|alert|alarm|warning|critical|error|above|below)\b"
)


@dataclass(frozen=True)
class KnownFields:
    """One alert's body."""

    body: Mapping[str, Any]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Whom it concerns, by the names that `mapping` in config/hooks.yml looks for."""
        found = self._nearest(_snake)
        found.pop("name", None)  # whose, is not said
        for label, others in _LABELS.items():
            if text := self.first(others):
                found.setdefault(label, text)
        return found

    def label_of(self, names: tuple[str, ...]) -> str:
        return next((self.labels[name] for name in names if self.labels.get(name)), "")

    @cached_property
    def rule(self) -> str:
        """What its sender calls the rule, check or kind; else a title of few words. '' for what says no name."""
        for key in _RULES:
            text = self._texts.get(key, "").strip()
            if text and len(text) <= MOST_NAME_CHARS and not _is_no_name(text):
                return text
        title = self.title
        return title if len(title.split()) <= 4 else ""

    @cached_property
    def title(self) -> str:
        """The first line of what a person would read first."""
        return next(iter(self.first(_TITLES).strip().splitlines()), "")[:300]

    @cached_property
    def severity(self) -> Severity | None:
        """None where nothing says it."""
        told = (severity_in(self._texts.get(key, "")) for key in _SEVERITIES)
        in_a_state = (severity_in(self._texts.get(key, ""), of_a_state=True) for key in (*_STATES, *_KINDS))
        return next((one for one in (*told, *in_a_state) if one), None)

    @property
    def incident(self) -> str:
        return self.first(_INCIDENTS)

    @property
    def time(self) -> str:
        return self.first(_TIMES)

    @property
    def firing(self) -> bool:
        """Not where it says that the alert is over, or that all is well and no severity contradicts that."""
        states = self._told(*_STATES, *_KINDS)
        of_a_service = self.first(("servicedescription", "servicedesc", "servicename"))
        of_the_alert = self._told(*_ALERTS_STATE, *(() if of_a_service else ("hoststate",)))
        if any(map(says_over, of_the_alert)) or any(map(says_alert_over, (*states, self.title))):
            return False
        if says_well(self._texts.get("alert", "")) and not self._told(*_STATES):  # an alert may be called `up`
            return False
        if self._texts.get("severity", "").strip().lower() in _OVER_SEVERITIES or self._texts.get("state") == "0":
            return False
        if "0" in self._told(*_NONE_LEFT) and not self._told(*_STATES, *_SAY_HOW_IT_STANDS):
            return False
        if self._texts.get("resolvedat", "")[:2] == "20" or truth_in(self._texts.get("resolved", "")) is True:
            return False
        if self.severity in SEVERE:
            return True
        is_well = [truth_in(text) is True for text in self._told(*_YES_IS_WELL)]
        is_well += [truth_in(text) is False for text in self._told(*_NO_IS_WELL)]
        in_words = says_all_well(self.title) or says_lists_over(self.first(_TITLES))
        of_its_title = self.severity in (None, Severity.INFO) and in_words
        return not any((*is_well, *map(says_over, states), of_its_title))

    @property
    def steady_name(self) -> str:
        """What it is called, without the words in which its beginning and its end differ."""
        things = [text for text in self._told(*_THINGS) if not _is_no_name(text)]
        return " ".join([*_STATE_WORDS.sub(" ", _plain(self._own_name)).split(), *things])

    @property
    def _own_name(self) -> str:
        """Not what a check put out, where its service says which check that was, or the host whose state it is."""
        is_output = self.title == self.first(_OUTPUTS).partition("\n")[0]
        of_a_host = self.label_of(NODE_LABELS) and self._told("state", "hoststate")
        return "" if is_output and (self.label_of(SERVICE_LABELS) or of_a_host) else self.rule or self.title

    @property
    def called(self) -> tuple[str, ...]:
        """What may name a host or a service of the mesh: names first, then each word of the title."""
        names = [text for key in _CALLED if (text := self._texts.get(key, "").strip())]
        return (*names, *re.findall(r"[\w.-]+", self.title))[:40]

    def _told(self, *keys: str) -> list[str]:
        return [self._texts[key] for key in keys if self._texts.get(key)]

    def first(self, keys: tuple[str, ...]) -> str:
        return next((text for key in keys if (text := self._texts.get(key, "").strip())), "")

    @cached_property
    def _texts(self) -> dict[str, str]:
        return self._nearest(bare_key)

    @cached_property
    def _said(self) -> tuple[tuple[str, str], ...]:
        return tuple(_leaves(self.body))

    def _nearest(self, folded: Callable[[str], str]) -> dict[str, str]:
        """The text of each key, in that form of it: of several the one that lies nearest to the top."""
        found: dict[str, str] = {}
        for key, text in self._said:
            found.setdefault(folded(key), text)
        return found


def alerts_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Each object of a list of alerts, with what stands beside the list; else the body, with what its texts wrap."""
    listed = next(
        (body[key] for key in body if bare_key(key) in _LISTS and isinstance(body[key], list) and body[key]), None
    )
    if listed and all(isinstance(one, dict) for one in listed):
        beside = {key: value for key, value in body.items() if not isinstance(value, list | dict)}
        return [{**beside, **one} for one in listed]
    return [{key: _unwrapped(bare_key(key), value) for key, value in body.items()}]


def _plain(text: str) -> str:
    return plain_words(text, MOST_NAME_CHARS)


def _is_no_name(text: str) -> bool:
    """A state, a severity, a word for "something is said", an expression."""
    words = _plain(text).split()
    if len(words) != 1:
        return not words or says_over(text) or (len(words) == 2 and words[1] in _SAYS_NOTHING) or "=" in text
    return words[0] in _SAYS_NOTHING or severity_in(text) is not None or says_over(text) or truth_in(text) is not None


def _unwrapped(key: str, value: Any) -> Any:
    if key in _WRAPPED and isinstance(value, str) and value.lstrip().startswith("{"):
        inner = parse_object(value.encode("utf-8", "replace"), max_bytes=len(value) * 4)
        return value if isinstance(inner, Refusal) else inner
    return value


def _leaves(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, text) of each plain value, the nearest to the top first."""
    todo = deque[tuple[str, Any, int]]([("", _without_prefix(body), 0)])
    for _ in range(MOST_FIELDS):
        if not todo:
            return
        key, value, level = todo.popleft()
        if isinstance(value, Mapping):
            if key and (name := _name_of(value)):
                yield key, name
            if level < MOST_LEVELS and not is_of_another_time((bare_key(key),)) and bare_key(key) not in _OF_OTHERS:
                children = [(str(k)[:200], child, level + 1) for k, child in list(value.items())[:100]]
                todo.extend(child for child in children if not child[0].startswith(("@", "$")))
        elif isinstance(value, list):
            todo.extend(_of_a_list(key, value, level))
        elif isinstance(value, str):
            yield key, value[:MAX_WORD_CHARS]
        elif value is not None:
            yield key, str(value).lower() if isinstance(value, bool) else str(value)


def _without_prefix(body: Mapping[str, Any]) -> dict[str, Any]:
    """`CRM_alert_node` beside `CRM_alert_desc` is `node`: what all keys begin with is the sender's name."""
    keys = [str(key) for key in list(body)[:MOST_FIELDS]]
    pairs = zip(min(keys, default=""), max(keys, default=""), strict=False)
    common = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    length = common.rfind("_") + 1 if len(keys) > 1 else 0
    return {key[length:] or key: body[key] for key in keys if key in body}


def _of_a_list(key: str, value: list[Any], level: int) -> Iterator[tuple[str, Any, int]]:
    pairs = [(_name_of(one), one["value"]) for one in value[:50] if isinstance(one, dict) and "value" in one]
    if pairs:
        yield from ((name, said, level + 1) for name, said in pairs if name)
    elif value and isinstance(value[0], dict | str):
        yield key, value[0], level + 1


def _name_of(value: Mapping[str, Any]) -> str:
    by_key = {bare_key(key): text for key, text in list(value.items())[:100] if isinstance(text, str)}
    return next((by_key[key] for key in _NAMED_BY if by_key.get(key)), "")


def _snake(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()).strip("_")
