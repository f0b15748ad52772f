"""What a body of any sender says in fields whose names mean the same wherever they come from. Pure; reads no prose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mesh_core.models.events import Severity
from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.alert_state import says_well
from mesh_core.policy.names.hosts import host_in
from observer.hooks import engine_events, monitors
from observer.hooks import field_names as names
from observer.hooks.body_texts import bare_tags_of, parts_of, prefix_of, tags_of
from observer.hooks.field_texts import LETTERS, FieldTexts, first_line, snake
from observer.hooks.how_bad import is_information, of_state, severity_of, tells_updates
from observer.hooks.mapping import CONTAINER_LABELS, NODE_LABELS, SERVICE_LABELS, UNIT_LABELS
from observer.hooks.no_names import MOST_NAME_CHARS, is_a_state, is_no_name
from observer.hooks.plain_words import plain_words
from observer.hooks.said_over import (
    says_alert_over,
    says_all_well,
    says_lists_over,
    says_over,
    speaks_of_failure,
    speaks_of_trouble,
)
from observer.hooks.service_in_names import PROGRAM, is_a_programs_name, is_said_not_to_run
from observer.hooks.severities import SEVERE
from observer.hooks.spoken_of import confirmed_by
from observer.hooks.title_forms import rule_in_title
from observer.hooks.told_in_title import Told, told_of

MOST_HEADLINE_CHARS = 300
_OF_WHOM = frozenset({*NODE_LABELS, *SERVICE_LABELS}) - {"name"}
_CLOSED_BY = ("action", "status", "state")
_THINGS = (*CONTAINER_LABELS, *UNIT_LABELS, "process", "service")  # how one stands may be said under its name
_HOSTS = (*map(bare_key, NODE_LABELS), *names.LABELS["node"])
_UNIT = re.compile(r"[\w.@-]{1,99}\.(?:service|timer|socket|mount)(?= )")  # beside what became of it
_NOT_WHERE = frozenset({*names.OF_OTHERS, *names.SENDERS, *names.TITLES})  # of what lies at the top
_DATE = re.compile(r"20|\d{10}")  # in words, or since 1970
_STATE_WORDS = re.compile(
    r"\b(?:is|are|was|has|been|now|back|again|to|up|down|ok|not|resolved|unresolved|recovered|recovery|restored|cleared"
    r"|closed|open|opened|normal|online|offline|unreachable|reachable|succeeded|successful|successfully|success|failed"
    r"|failure|failing|healthy|unhealthy|passing|firing|triggered|problem|alert|alarm|warning|critical|error|above|below)\b"
)


@dataclass(frozen=True)
class KnownFields(FieldTexts):
    """One alert's body."""

    @cached_property
    def labels(self) -> dict[str, str]:
        """Whom it concerns, by the names that `mapping` in config/hooks.yml looks for."""
        found = self.nearest(snake)
        found.pop("name", None)  # whose, is not said
        if "url" in found and not monitors.leads_to_a_host(found["url"]):
            del found["url"]
        of_what = [(*key.partition("_")[::2], text) for key, text in found.items()]
        found = {rest: text for word, rest, text in of_what if word in names.AFFECTED and rest in _OF_WHOM} | found
        for label, others in names.LABELS.items():
            if text := self.first(others):
                found.setdefault(label, text)
        if logged := next((text for key, text in self.said if key.lower() == names.LOGGED_BY), ""):
            found.setdefault("hostname", logged)
        if (app := self._app) and not any(found.get(label) for label in (*CONTAINER_LABELS, *UNIT_LABELS)):
            found.setdefault("service", app)
        if (check := self.first(names.CHECKED)) and PROGRAM.fullmatch(check):
            found.setdefault("service", check)
        elif not any(found.get(label) for label in SERVICE_LABELS):
            found |= engine_events.checked_thing(check, self.first(names.OUTPUTS), self.rule)
        if not any(found.get(key) and key in map(snake, self.body) for key in SERVICE_LABELS):
            missing = engine_events.missing_container(self.body)
            found |= {"container": missing} if missing else engine_events.declared_thing(self.body)
        found = {label: first_line(text) for label, text in (self.tags | found).items()}
        found = {label: text for label, text in found.items() if label not in _THINGS or not is_a_state(text)}
        found |= {label: unit[0] for label in UNIT_LABELS if (unit := _UNIT.match(found.get(label, "")))}
        says_which = any(found.get(key) for key in SERVICE_LABELS)
        told = (text for key, text in self.texts.items() if key.endswith(names.TOLD_OF_A_CHECK))
        confirmed = {} if says_which else confirmed_by(told, self.told_by(*names.CHECKS, "name"))
        return found if says_which else (confirmed or self._managed | monitors.contained(found)) | found

    @property
    def _app(self) -> str:
        """A program that is called so beside its host, or where nothing else says whom it concerns."""
        told = [{bare_key(key): text for key, text in part.items()} for part in parts_of(self.body)]
        beside = [part for part in told if any(part.get(key) for key in (*_HOSTS, "source"))]
        apps = (part.get(key) for part in beside or told for key in names.APPS[: None if beside else 3])
        return next((app.strip() for app in apps if isinstance(app, str) and app.strip()), "")

    @property
    def _managed(self) -> dict[str, str]:
        """The thing of a rule that says what it is: `ContainerStateChange` of one called `wiki`."""
        words = map(str.lower, re.findall(r"[A-Z]?[a-z]+|[A-Z]+", self.rule))
        label = next((names.MANAGED[word] for word in words if word in names.MANAGED), "") or self._has_an_image
        own = self.body.get("name")  # not that of an agent, a room or whatever else it speaks of
        things = [*self.told_by(*names.MANAGED_AS), *([own] if isinstance(own, str) else [])]
        things += engine_events.named_beside_images(self.body)
        thing = next((text for text in things if text != self.rule or self._has_an_image), "")
        return {label: thing} if label and PROGRAM.fullmatch(thing) and thing not in self.told_by(*_HOSTS) else {}

    @property
    def _has_an_image(self) -> str:
        """A label of what is made of one, as its own state says: a picture is no image."""
        own = {bare_key(key): value for key, value in self.body.items()}
        is_one = engine_events.is_image(own.get(names.IMAGE)) and not set(own).isdisjoint(names.OF_A_CONTAINER)
        return "container" if is_one else ""

    @cached_property
    def tags(self) -> dict[str, str]:
        """What tags say of whom it concerns. Nothing else is read of them: a tag `state:ok` ends no alert."""
        told = {snake(key): text for key, text in tags_of(self.body).items()}
        for key, text in list(told.items()):
            for label in ("node", "service"):
                if bare_key(key) in names.LABELS[label]:
                    told.setdefault(label, text)
        return {key: text for key, text in told.items() if key in _OF_WHOM}

    def label_of(self, keys: tuple[str, ...]) -> str:
        return next((self.labels[key] for key in keys if self.labels.get(key)), "")

    @cached_property
    def rule(self) -> str:
        """What its sender calls the rule, check or kind; else a title of few words. '' for what says no name."""
        title = self.title
        done = self.first(names.ACTIONS) or ("exited" if self.told_by(*names.EXIT_CODES) else "")
        named = (
            self.named_by(names.RULES)
            or rule_in_title(first_line(self.first(names.HEADLINES)))
            or engine_events.with_action(self.named_by(names.KINDS_OF_RULE), done)
        )
        if named or title:
            return named or (title if len(title.split()) <= 4 else "")
        return "" if is_no_name(self._prefix) else self._prefix

    @cached_property
    def kind(self) -> str:
        """The same, but for a monitor's own name: that says which thing, and its address what failed."""
        missing = "container_missing" if engine_events.missing_container(self.body) else ""
        known = missing or self.probe or (self.told.type if self.told else self.rule)
        return known or ("update_available" if tells_updates(self.texts) else "")

    @cached_property
    def told(self) -> Told | None:
        """Which program its title says does not run; None where a rule says more, or that may be a host."""
        told = told_of(self.title, [text for key, text in self.texts.items() if key.endswith(names.TEXTS)])
        if told is None or _plain(self.named_by(names.RULES)) not in ("", *names.MANAGED):
            return None
        service = self.label_of(SERVICE_LABELS)
        of_its_check = " " in service and self.title == first_line(self.first(names.OUTPUTS))  # which is no name
        return told if told.is_sure or of_its_check or told.name == service else None

    @cached_property
    def probe(self) -> str:
        """Which one failed, of a monitor of an address; '' where that is not what it tells."""
        states = self.told_by(*names.ALERTS_STATE, *names.STATES)
        if not self._is_a_monitors and not monitors.only_says_down(self.rule, states):
            return ""
        return monitors.failed_probe(self._asked, states, self.first(names.CAUSES))

    @cached_property
    def _asked(self) -> str:
        """The address that a monitor asks."""
        return monitors.asked_address(self._url, self.labels.get("address", ""), self.first(names.CAUSES))

    @property
    def _url(self) -> str:
        said = (self.labels.get(key, "") for key in names.ADDRESSES)
        return next((text for text in said if "://" in text), self.labels.get("url", ""))

    @cached_property
    def monitor(self) -> dict[str, Any]:
        """What the object says of its probe that has a monitor's address, in plain values; {} where none has."""
        told = {str(key): value for key, value in self._holder.items() if not isinstance(value, list | dict)}
        return {key: value for key, value in told.items() if bare_key(key) in names.OF_A_PROBE}

    @cached_property
    def _holder(self) -> Mapping[str, Any]:
        return next((part for part in parts_of(self.body) if self._url and self._url in part.values()), {})

    @cached_property
    def _monitors_name(self) -> str:
        """Of several objects with a name that of the one with the address."""
        told = {bare_key(key): text.strip() for key, text in self._holder.items() if isinstance(text, str)}
        return next((told[key] for key in names.BESIDE_AN_ADDRESS if told.get(key)), "") or self.first(names.MONITORS)

    @cached_property
    def _prefix(self) -> str:
        """What all keys but those of its place begin with, which is their sender's or the event's name."""
        return prefix_of([key for key in map(str, self.body) if snake(key) not in _OF_WHOM])

    @property
    def only_measures(self) -> bool:
        """Does it call itself a measurement, and say nothing else of how anything stands?"""
        says = self.title or self.told_by(*names.STATES, *names.SAY_HOW_IT_STANDS)
        return _plain(self.rule) in names.MEASURES and not says

    @property
    def _is_a_monitors(self) -> bool:
        """Is a monitor's own name all that is named?"""
        return bool(self.rule) and self.rule in (self.texts.get(key, "").strip() for key in names.MONITORS)

    @property
    def headline(self) -> str:
        """Its own; of what lies deeper, others may have written it."""
        return first_line(self.own_text(names.OWN_HEADLINES))[:MOST_HEADLINE_CHARS]

    @cached_property
    def severity(self) -> Severity | None:
        return severity_of(self.texts, self.body)

    @property
    def is_information(self) -> bool:
        """Where no severity is said."""
        if self.named_by(names.RULES) or self.told_by(*names.STATES, *names.CAUSES):
            return False
        if tells_updates(self.texts):
            return not speaks_of_trouble(self.first(names.TITLES))
        own = {bare_key(key): str(text) for key, text in self.body.items() if isinstance(text, str | int)}
        return is_information(own, self.named_by(names.KINDS_OF_RULE), self.first(names.TITLES))

    @property
    def incident(self) -> str:
        return self.first(names.INCIDENTS)

    @property
    def time(self) -> str:
        """Its own; what lies deeper may tell when something else began."""
        return self.own_text(names.TIMES) or self.first(names.TIMES)

    @property
    def firing(self) -> bool:
        """Not where it says that the alert is over, or that all is well and no severity contradicts that."""
        states = self._states
        of_a_service = self.first(("servicedescription", "servicedesc", "servicename"))
        of_the_alert = self.told_by(*names.ALERTS_STATE, *(() if of_a_service else ("hoststate",)))
        of_the_alert += [] if self.title else [self._prefix]
        is_bad = any(of_state(self.texts.get(key, "")) in SEVERE for key in names.STATES)
        told = map(first_line, (*states, "" if is_bad else self.title))
        if any(map(says_over, of_the_alert)) or any(map(says_alert_over, told)):
            return False
        if says_well(self.texts.get("alert", "")) and not self.told_by(*names.STATES):  # an alert may be called `up`
            return False
        if self.texts.get("severity", "").strip().lower() in names.OVER_SEVERITIES or self.texts.get("state") == "0":
            return False
        if "0" in self.told_by(*names.NONE_LEFT) and not (
            self.told_by(*names.STATES, *names.SAY_HOW_IT_STANDS)
            or any(truth_in(text) is False for text in self.told_by(*names.YES_IS_WELL))
        ):
            return False
        ended = any(_DATE.match(text) for text in self.told_by(*names.ENDED_AT))
        if ended or truth_in(self.texts.get("resolved", "")) is True or self._is_closed:
            return False
        if self.severity in SEVERE:
            return True
        is_well = [truth_in(text) is True for text in self.told_by(*names.YES_IS_WELL)]
        says_no_more = self._is_a_monitors and self.title == self.rule
        is_well += [truth_in(text) is True for text in self.told_by(*names.YES_IS_UP) if says_no_more]
        is_well += [truth_in(text) is False for text in self.told_by(*names.NO_IS_WELL)]
        in_words = says_all_well(self.title) or says_lists_over(self.first(names.TITLES))
        of_its_title = self.severity in (None, Severity.INFO) and in_words
        return not any((*is_well, *map(says_over, states), of_its_title))

    @property
    def _states(self) -> list[str]:
        """Its own; where it has none those of what it tells of, unless its title speaks of a failure."""
        states = self.told_by(*names.STATES, *names.KINDS)
        own = [str(text) for key, text in self.body.items() if bare_key(key) in names.STATES and text]
        if own:
            states = [text for text in states if text in own or text in self.told_by(*names.KINDS)]
        elif speaks_of_failure(self.title):
            states = []
        own_title = self.title if self.title not in states else ""
        if self.named_by(names.RULES) or self.named_by(names.KINDS_OF_RULE) or (own_title and not own):
            states = [text for text in states if _plain(text) not in names.OF_THINGS_ONLY]
        return states

    @property
    def _is_closed(self) -> bool:
        of_an_incident = self.told_by(*names.OF_AN_INCIDENT)
        return bool(of_an_incident) and any(_plain(word) in ("close", "closed") for word in self.told_by(*_CLOSED_BY))

    @property
    def steady_name(self) -> str:
        """What it is called, without the words in which its beginning and its end differ."""
        things = [text for text in self.told_by(*names.THINGS) if not is_no_name(text)]
        return " ".join([*_STATE_WORDS.sub(" ", _plain(self._own_name)).split(), *things])

    @property
    def _own_name(self) -> str:
        """Not what a check put out, where its service says which check that was, or the host whose state it is."""
        is_output = self.title == self.first(names.OUTPUTS).partition("\n")[0]
        of_a_host = self.label_of(NODE_LABELS) and self.told_by("state", "hoststate")
        if is_output and (self.label_of(SERVICE_LABELS) or of_a_host):
            return ""
        return self.rule or self.title or " ".join(sorted(bare_key(key) for key in self.body))

    @cached_property
    def named(self) -> tuple[str, ...]:
        """What fields call a thing that may be a host or a service of the mesh."""
        said = [text for key in names.CALLED if (text := self.texts.get(key, "").strip())]
        of_others = tuple(names.OF_OTHERS - {"target"})
        ends = names.ENDS_OF_CALLED
        said += [text for key, text in self.texts.items() if key.endswith(ends) and not key.startswith(of_others)]
        own = (text for key, text in list(self.body.items())[:100] if bare_key(key) not in _NOT_WHERE)
        things = {self.labels.get(key) for key in SERVICE_LABELS}
        said += [text for text in own if isinstance(text, str) and PROGRAM.fullmatch(text) and text not in things]
        return (self._monitors_name, *said, *engine_events.of_cloud_event(self.body)[1])[:60]

    @property
    def called(self) -> tuple[str, ...]:
        """Likewise, and whoever sends it, its tags and each word of the title."""
        senders = (self.texts.get(key, "").strip() for key in names.SENDERS)
        return (*self.named, *senders, *bare_tags_of(self.body), *re.findall(r"[\w.-]+", self.title))[:60]

    @property
    def what_and_where(self) -> tuple[tuple[str, str], ...]:
        """What a monitor of an address watches, on which host, as far as its name says it; else that of its rule."""
        where = host_in(self.label_of(NODE_LABELS))
        told = self.told_by(*names.CHECKS)
        checks = {text for text in told if is_said_not_to_run(text, self.title)}
        if not self._asked and monitors.says_tcp(self.first(names.CAUSES)):
            checks |= {text.lower() for text in told[:1] if is_a_programs_name(text)}
        checked = tuple((check, where) for check in checks if check not in self.told_by(*_HOSTS))
        said = (self.rule, *map(first_line, self.told_by(*names.ENTITIES)))
        in_its_rule = tuple(("", where) for text in said for _, where in monitors.told_in_name(text))
        thing = self.told.name if self.told else engine_events.of_cloud_event(self.body)[0]
        if thing:
            return ((thing, (self.told.host if self.told else "") or where), *in_its_rule)
        watched = monitors.what_and_where(self._monitors_name, self._asked, where)
        return watched if any(what for what, _ in watched) else (*checked, *watched, *in_its_rule)

    @property
    def says_where(self) -> bool:
        """Does it name a place, and say something of it in letters or that all is well, though no field says what is
        wrong?"""
        if not self.label_of((*NODE_LABELS, *SERVICE_LABELS)):
            return False
        others = [text for key, text in self.said if snake(key) not in _OF_WHOM]
        return not self.firing or any(LETTERS.search(text) and not says_over(text) for text in others)


def _plain(text: str) -> str:
    return plain_words(text, MOST_NAME_CHARS)
