"""Any JSON, mapped by JMESPath expressions out of config/hooks.yml. Pure; an expression only reads."""

from __future__ import annotations

import json
from typing import Annotated, Any

import jmespath
import jmespath.exceptions
from jmespath.parser import ParsedResult
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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
from observer.hooks.sent_as_test import is_sent_as_test

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
    """One sender. What an expression does not find is absent; `type` must be found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    each: Expression | None = None
    type: Expression
    node: Expression | None = None
    service: Expression | None = None
    severity: Expression | None = None
    firing: Expression | None = None
    incident: Expression | None = None
    episode: Expression | None = None
    time: Expression | None = None
    payload: Expression | None = None

    def alerts_in(self, body: dict[str, Any], name: str) -> list[Read] | Unfit:
        """What `each` finds, or the whole body as one alert. `name` is the hook's own."""
        try:
            found = self._search(self.each, body) if self.each else [body]
            if not isinstance(found, list):
                return Unfit(f"each: {self.each} finds no list in this body")
            return [self._alert(item, name) for item in found[: MOST_ALERTS + 1]]
        except jmespath.exceptions.JMESPathError as error:
            return Unfit(f"an expression of this hook does not fit this body: {str(error).splitlines()[0][:200]}")

    def _alert(self, item: object, name: str) -> Read:
        if isinstance(item, dict) and is_sent_as_test(item):
            return Nothing("its sender calls it a test")
        event_type = self._text(self.type, item)
        if not event_type:
            return Unfit(f"type: {self.type} finds no word in this body", raw_of(item))
        firing = True if self.firing is None else says_that_it_fires(self._search(self.firing, item))
        node, service = self._text(self.node, item), self._text(self.service, item)
        kept = self._search(self.payload, item) if self.payload else item
        details = kept if isinstance(kept, dict) else {"value": kept}
        incident = self._text(self.incident, item)
        return Alert(
            source=f"{SOURCE}-{name}",
            name=event_type,
            # However its sender writes the host this time, and whichever of its cases.
            key=stable_key(incident, key_of_host(host_in(node)), service.lower(), event_type.lower()),
            firing=firing,
            episode=self._text(self.episode, item),
            details={**details, "source": f"{SOURCE}/{name}"},
            node=node,
            service=service,
            type=event_type,
            severity=self._text(self.severity, item),
            at=timestamp_in(self._search(self.time, item)),
        )

    def _text(self, expression: str | None, item: object) -> str:
        found = self._search(expression, item)
        if isinstance(found, bool) or found is None:
            return ""
        return (found if isinstance(found, str) else json.dumps(found, default=str))[:300].strip()

    def _search(self, expression: str | None, item: object) -> Any:
        return _compiled(expression).search(item) if expression else None


def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)  # the library keeps the last hundred
