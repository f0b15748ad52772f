"""Any JSON: by its fields of known meaning, or by JMESPath expressions out of config/hooks.yml. Pure; only reads."""

from __future__ import annotations

import json
from typing import Annotated, Any

import jmespath
import jmespath.exceptions
from jmespath.parser import ParsedResult
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mesh_core.models.events import Severity
from mesh_core.policy.names.hosts import host_in, key_of_host
from observer.hooks.alert import (
    MOST_ALERTS,
    Alert,
    Nothing,
    Read,
    Unfit,
    raw_of,
    says_that_it_fires,
    stable_key,
    timestamp_in,
)
from observer.hooks.body_texts import alerts_of, unwrapped
from observer.hooks.foreign_keys import in_english
from observer.hooks.known_fields import KnownFields
from observer.hooks.mailed_lines import with_mailed_lines
from observer.hooks.mapping import NODE_LABELS, SERVICE_LABELS
from observer.hooks.request_body import Body
from observer.hooks.sent_as_test import is_sent_as_test
from observer.hooks.severities import SEVERE

SOURCE = "generic"


def _compiles(text: str) -> str:
    try:
        jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        first = str(error).splitlines()[0]
        raise ValueError(
            f"no JMESPath expression ({first}); a fixed word stands in quotes of its own: \"'word'\""
        ) from None
    return text


Expression = Annotated[str, AfterValidator(_compiles), Field(min_length=1, max_length=1000)]


class GenericHook(BaseModel):
    """One sender. Without `type` it is read by fields of known meaning, and an expression stands instead of what they
    say; with it by its expressions alone. What one does not find is absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    each: Expression | None = None
    type: Expression | None = None
    node: Expression | None = None
    service: Expression | None = None
    severity: Expression | None = None
    firing: Expression | None = None
    incident: Expression | None = None
    episode: Expression | None = None
    time: Expression | None = None
    payload: Expression | None = None

    def alerts_in(self, body: Body, name: str) -> list[Read] | Unfit:
        """What `each` finds, or the body's list of alerts, or all of it as one. `name` is the hook's own."""
        try:
            found = self._search(self.each, body) if self.each else self._listed(body)
            if not isinstance(found, list):
                return Unfit(f"each: {self.each} finds no list in this body")
            return [self._alert(item, name) for item in found[: MOST_ALERTS + 1]]
        except jmespath.exceptions.JMESPathError as error:
            return Unfit(f"an expression of this hook does not fit this body: {str(error).splitlines()[0][:200]}")

    def _listed(self, body: Body) -> list[Any]:
        if isinstance(body, list):
            return body
        return [body] if self.type else alerts_of(body)

    def _alert(self, item: object, name: str) -> Read:
        came = item if isinstance(item, dict) else {}
        body = with_mailed_lines(unwrapped(came))
        fields = KnownFields(in_english(body))
        known = KnownFields({}) if self.type else fields
        if is_sent_as_test(came, known.title, is_severe=fields.severity in SEVERE):
            return Nothing("its sender calls it a test")
        event_type = self._text(self.type, item) if self.type else known.kind
        if not event_type and self.type:
            return Unfit(f"type: {self.type} finds no word in this body", raw_of(item))
        if not event_type and not known.title and not known.says_where:
            return Unfit("no field of this body says what is wrong: a rule, a check, a title, a message", raw_of(item))
        kept = self._search(self.payload, item) if self.payload else item if self.type else body or item
        details = kept if isinstance(kept, dict) else {"value": kept}
        if known.probe:  # as an agent tells it: the address and what came of it at the top
            details = known.monitor | details
        node, service = self._text(self.node, item), self._text(self.service, item)
        return Alert(
            source=f"{SOURCE}-{name}",
            name=event_type if self.type else known.rule,
            key=self._key(item, known, event_type),
            firing=says_that_it_fires(self._search(self.firing, item)) if self.firing else known.firing,
            episode=self._text(self.episode, item),
            labels=self._labels(known),
            named=known.named,
            called=known.called,
            what_and_where=tuple(("" if service else what, where) for what, where in known.what_and_where),
            headline="" if self.service else known.headline,
            details={**details, "source": f"{SOURCE}/{name}"},
            node=node,
            service=service,
            type=event_type,
            severity=self._text(self.severity, item) if self.severity else known.severity or _severity_of(known),
            at=timestamp_in(self._search(self.time, item) if self.time else known.time),
        )

    def _labels(self, known: KnownFields) -> dict[str, str]:
        """Without those of what an expression says, or does not find."""
        said = {*(NODE_LABELS if self.node else ()), *(SERVICE_LABELS if self.service else ())}
        return {label: text for label, text in known.labels.items() if label not in said}

    def _key(self, item: object, known: KnownFields, event_type: str) -> str:
        """However its sender writes the host this time, and whichever of its cases."""
        incident = self._text(self.incident, item) if self.incident else known.incident
        node = self._text(self.node, item) if self.node else known.label_of(NODE_LABELS)
        service = self._text(self.service, item) if self.service else known.label_of(SERVICE_LABELS)
        name = event_type if self.type else known.steady_name
        return stable_key(incident, key_of_host(host_in(node)), service.lower(), name.lower())

    def _text(self, expression: str | None, item: object) -> str:
        found = self._search(expression, item)
        if isinstance(found, bool) or found is None:
            return ""
        return (found if isinstance(found, str) else json.dumps(found, default=str))[:300].strip()

    def _search(self, expression: str | None, item: object) -> Any:
        return _compiled(expression).search(item) if expression else None


def _severity_of(known: KnownFields) -> str:
    """Of what does not say it: as of Uptime Kuma, whose monitors say down only after their tries; what only measures
    tells no trouble."""
    if known.probe or known.told:
        return Severity.ERROR
    return Severity.INFO if known.only_measures or known.is_information else ""


def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)  # the library keeps the last hundred
