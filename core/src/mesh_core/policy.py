"""Policy: which actions an event may lead to, which one is preferred, and why. Pure: no clock, no disk after loading.

Rules are data (default_policy.yml, config/policy.yml over it); the first rule that fits speaks. Then the fences:
the lifeline list, the loop guard, names that are no names. Words in a log can only ever lead towards `notify`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from mesh_core.facts import Fact, alert_name_for, facts_for
from mesh_core.records import Action, HealthEvent, ProposalType, Risk, Runtime, Severity

MAX_WORDS = 64 * 1024  # characters of a payload in which cues are looked for
INTERRUPTING = frozenset({Action.RESTART, Action.REDEPLOY})


class BadPolicy(ValueError):
    """The policy cannot be used; the text names the file, the key and what to write instead."""


@dataclass(frozen=True)
class Allowed:
    """What one event may lead to. `actions` is never empty; `preferred` is one of them; `rule` names who said so."""

    actions: frozenset[Action]
    preferred: Action
    reason: str
    rule: str


Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Part):
    """All that is given must hold. `types` and `alerts` are patterns with `*`; facts and cues by name."""

    types: tuple[Text, ...] = ()
    alerts: tuple[Text, ...] = ()
    severities: tuple[Severity, ...] = ()
    any: tuple[Key, ...] = ()
    all: tuple[Key, ...] = ()
    none: tuple[Key, ...] = ()


class Rule(_Part):
    name: Key
    enabled: bool = True
    when: When = When()
    allow: tuple[Action, ...] = Field(min_length=1)
    prefer: Action
    reason: Text

    @model_validator(mode="after")
    def _preferred_is_allowed(self) -> Rule:
        if self.prefer not in self.allow:
            raise ValueError(f"prefer is {self.prefer.value!r}, which is not in allow; add it there")
        return self


class Never(_Part):
    """Where restart and redeploy are never offered: exact names, and patterns with `*`, lower case."""

    services: tuple[Text, ...] = ()
    patterns: tuple[Text, ...] = ()
    nodes: tuple[Text, ...] = ()


class _Document(_Part):
    """One policy file. `unprotect` takes names off the shipped `never` lists."""

    max_restarts_per_hour: Annotated[int, Field(ge=0, le=1000, strict=True)] | None = None
    never: Never = Never()
    unprotect: tuple[Text, ...] = ()
    cues: dict[Key, tuple[Text, ...]] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


class Policy:
    """Made once at start; `allows` may be called from anywhere."""

    def __init__(self, document: _Document):
        self.max_restarts_per_hour = 3 if document.max_restarts_per_hour is None else document.max_restarts_per_hour
        self.rules = tuple(rule for rule in document.rules if rule.enabled)
        self.never = document.never
        self._cues = {name: tuple(word.lower() for word in words) for name, words in document.cues.items()}
        _check_names(self.rules, frozenset(self._cues))

    @classmethod
    def load(cls, path: Path | None) -> Policy:
        """The shipped policy, with the file at `path` over it if there is one. Raises BadPolicy."""
        shipped = resources.files("mesh_core").joinpath("default_policy.yml").read_text(encoding="utf-8")
        base = _parse(shipped, "default_policy.yml")
        if path is None:
            return cls(base)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(base)
        except (OSError, UnicodeDecodeError) as error:
            raise BadPolicy(f"{path}: cannot be read: {error}") from None
        try:
            return cls(_merged(base, _parse(text, str(path))))
        except BadPolicy as error:
            raise BadPolicy(str(error) if str(path) in str(error) else f"{path}: {error}") from None

    @classmethod
    def from_text(cls, text: str) -> Policy:
        """A whole policy out of YAML, without the shipped one under it. Raises BadPolicy."""
        return cls(_parse(text, "policy"))

    def allows(self, event: HealthEvent, recent_restarts: int = 0) -> Allowed:
        """What `event` may lead to, after `recent_restarts` executed restarts of this service within the hour."""
        facts = facts_for(event)
        rule = self._rule_for(event, facts)
        actions = set(rule.allow) if rule else {Action.NOTIFY}
        preferred = rule.prefer if rule else Action.NOTIFY
        reason, said_by = (rule.reason, rule.name) if rule else ("no rule knows this event", "none")
        for dropped, why, fence in self._fences(event, facts, recent_restarts):
            if actions & dropped:
                actions -= dropped
                reason, said_by = f"{reason}; {why}", fence if preferred in dropped else said_by
        actions = actions or {Action.NOTIFY}
        if preferred not in actions:
            preferred = next(a for a in (Action.REDEPLOY, Action.NOTIFY, Action.IGNORE) if a in actions)
        return Allowed(frozenset(actions), preferred, reason, said_by)

    def permits(self, action: Action, event: HealthEvent) -> bool:
        """May this action be run for this event? For whoever checks a proposal again before it runs."""
        return action in self.allows(event).actions

    def is_protected(self, service: str | None, node: str) -> bool:
        """Is restart or redeploy of this service, or on this node, never offered?"""
        if node.lower() in self.never.nodes:
            return True
        name = (service or "").lower()
        for suffix in (".service", ".socket", ".container"):
            name = name.removesuffix(suffix)
        return name in self.never.services or any(fnmatchcase(name, p) for p in self.never.patterns)

    def _rule_for(self, event: HealthEvent, facts: frozenset[Fact]) -> Rule | None:
        known = {fact.value for fact in facts} | self._cues_in(event)
        alert = alert_name_for(event).lower()
        return next((rule for rule in self.rules if _fits(rule.when, event, alert, known)), None)

    def _cues_in(self, event: HealthEvent) -> set[str]:
        """Cues whose words occur anywhere in the payload's text."""
        words = _text_of(event.payload)
        return {name for name, cues in self._cues.items() if any(cue in words for cue in cues)}

    def _fences(
        self, event: HealthEvent, facts: frozenset[Fact], recent_restarts: int
    ) -> list[tuple[frozenset[Action], str, str]]:
        """What is taken away, whatever a rule says: (actions, why, name of the fence)."""
        found: list[tuple[frozenset[Action], str, str]] = []
        if facts & {Fact.WHOLE_NODE, Fact.BAD_NAME}:
            found.append((INTERRUPTING, "no service is named that could be restarted", "no-service"))
        if self.is_protected(event.service, event.node):
            why = f"{event.service or event.node} is on the never list: the mesh or its access depends on it"
            found.append((INTERRUPTING, why, "never"))
        if Fact.OPTED_OUT in facts:
            found.append((INTERRUPTING, "its owner's label forbids automatic restarts", "label"))
        if Fact.GONE in facts:
            found.append((frozenset({Action.RESTART}), "there is no container that could be restarted", "gone"))
        if Fact.COMPOSE not in facts:
            found.append((frozenset({Action.REDEPLOY}), "no compose project is known to redeploy from", "no-compose"))
        if recent_restarts >= self.max_restarts_per_hour:
            why = (
                f"restarted {recent_restarts} times within the hour already, the limit is {self.max_restarts_per_hour}"
            )
            found.append((frozenset({Action.RESTART}), why, "loop-guard"))
        return found


def narrow(schema: dict[str, object], event: HealthEvent, allowed: Allowed) -> dict[str, object]:
    """The schema for just this event: `action` only what is allowed (preferred first), `service` and `node` fixed.

    The rest is pinned as far as servers' grammars can hold it: they let 137 through as a number up to 1.
    """
    rest = sorted(allowed.actions - {allowed.preferred}, key=list(Action).index)
    given = schema.get("properties")
    properties = given if isinstance(given, dict) else {}
    fixed: dict[str, object] = {
        **properties,
        "action": {"type": "string", "enum": [action.value for action in (allowed.preferred, *rest)]},
        "service": {"const": event.service},
        "node": {"const": event.node},
        "reason": {"type": "string", "minLength": 10, "maxLength": 200},
        "confidence": {"type": "number", "enum": [0.9, 0.7, 0.5, 0.3, 0.1]},
        "requires_human": {"const": True},
    }
    return {**schema, "properties": fixed}


def proposal_type_for(action: Action, event: HealthEvent) -> ProposalType | None:
    """What would run; None for ignore. An event that names no runtime means a container (the contract's default)."""
    if action is Action.RESTART:
        container = event.runtime in (None, Runtime.DOCKER)
        return ProposalType.CONTAINER_RESTART if container else ProposalType.SERVICE_RESTART
    return {Action.REDEPLOY: ProposalType.REDEPLOY, Action.NOTIFY: ProposalType.NOTIFY}.get(action)


def risk_for(kind: ProposalType) -> Risk:
    """A playbook of a person is judged elsewhere, by its tasks; until then it is high."""
    return {ProposalType.REDEPLOY: Risk.GUARDED, ProposalType.PLAYBOOK: Risk.HIGH}.get(kind, Risk.LOW)


def _fits(when: When, event: HealthEvent, alert: str, known: set[str]) -> bool:
    if when.types and not any(fnmatchcase(event.type, pattern) for pattern in when.types):
        return False
    if when.alerts and not any(fnmatchcase(alert, pattern.lower()) for pattern in when.alerts):
        return False
    if when.severities and event.severity not in when.severities:
        return False
    if when.any and known.isdisjoint(when.any):
        return False
    return known.issuperset(when.all) and known.isdisjoint(when.none)


def _text_of(payload: dict[str, Any]) -> str:
    """Every key and string of the payload, lower case, up to MAX_WORDS characters."""
    parts: list[str] = []
    size = 0
    todo: list[Any] = [payload]
    while todo and size < MAX_WORDS:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.values())
            text = " ".join(str(key) for key in value)
        elif isinstance(value, list):
            todo.extend(value)
            continue
        elif isinstance(value, str):
            text = value
        else:
            continue
        parts.append(text)
        size += len(text) + 1
    return "\n".join(parts)[:MAX_WORDS].lower()


def _merged(base: _Document, over: _Document) -> _Document:
    """Rule by rule: a rule of the same name takes the shipped one's place, a new one comes first."""
    replaced = {rule.name: rule for rule in over.rules}
    shipped = {rule.name for rule in base.rules}
    rules = [rule for rule in over.rules if rule.name not in shipped]
    rules += [replaced.get(rule.name, rule) for rule in base.rules]
    free = {name.lower() for name in over.unprotect}
    listed = {*base.never.services, *base.never.patterns, *base.never.nodes}
    if unknown := sorted(free - listed):
        raise BadPolicy(
            f"unprotect: {unknown[0]!r} is on no never list; the names there are {', '.join(sorted(listed))}"
        )

    def both(field: str) -> tuple[str, ...]:
        kept = [name for name in getattr(base.never, field) if name not in free]
        return (*kept, *(name.lower() for name in getattr(over.never, field)))

    limit = over.max_restarts_per_hour
    return _Document(
        max_restarts_per_hour=base.max_restarts_per_hour if limit is None else limit,
        never=Never(services=both("services"), patterns=both("patterns"), nodes=both("nodes")),
        cues={**base.cues, **over.cues},
        rules=tuple(rules),
    )


def _parse(text: str, source: str) -> _Document:
    try:
        loaded = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise BadPolicy(f"{source}: not YAML: {' '.join(str(error).split())[:300]}") from None
    try:
        document = _Document.model_validate({} if loaded is None else loaded)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        fix = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            fix = "no such key; take it out or correct its spelling"
        raise BadPolicy(f"{source}: {where}: {fix}") from None
    names = [rule.name for rule in document.rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadPolicy(f"{source}: rules: {twice!r} is there twice; give one of them another name")
    return document


def _check_names(rules: tuple[Rule, ...], cues: frozenset[str]) -> None:
    facts = {fact.value for fact in Fact}
    if both := sorted(facts & cues):
        raise BadPolicy(f"cues: {both[0]!r} is the name of a fact; choose another name")
    for rule in rules:
        asked = {*rule.when.any, *rule.when.all, *rule.when.none}
        if unknown := sorted(asked - facts - cues):
            raise BadPolicy(
                f"rules: {rule.name}: when: {unknown[0]!r} is neither a fact nor a cue; "
                f"facts are {', '.join(sorted(facts))}; cues are {', '.join(sorted(cues))}"
            )
        # Anybody can write a sentence into a log. It may make us careful, never bold and never silent.
        if {*rule.when.any, *rule.when.all} & cues and rule.prefer is not Action.NOTIFY:
            raise BadPolicy(f"rules: {rule.name}: prefer must be notify, because `when` looks at words (cues)")
