"""The policy file: strictly read, an operator's laid over the shipped one rule by rule. Judges no event.

Every refusal names the file, the key and what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from mesh_core.actions.register import current
from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.config_file import FilePart, looks_like, spelled
from mesh_core.models.events import Severity
from mesh_core.models.proposals import Risk
from mesh_core.models.run_options import UserName
from mesh_core.policy.playbook_lint.table import widening_problem
from mesh_core.policy.words.cue_words import CueWords
from mesh_core.policy.words.name_words import NameWords
from mesh_core.runbooks.folding import words_of


class BadPolicy(ValueError):
    """The policy cannot be used; the text names the file, the key and what to write instead. `rule`: whose fault it
    is, where a rule's name says more than a line that nobody knows; `where`: the place in the file, key by key."""

    def __init__(self, sentence: str, rule: str = "", where: Sequence[str] = ()):
        super().__init__(sentence)
        self.rule = rule
        self.where = tuple(where)


Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]


def _known_choice(word: str) -> str:
    register = current()
    if word not in register.by_word and word not in register.unusable:  # the latter is said where it is missed
        known = register.choice_words
        raise ValueError(f"should be one of {', '.join(known)}{looks_like(word, known)}")
    return word


ChoiceWord = Annotated[str, AfterValidator(_known_choice)]
Key = Annotated[str, spelled(r"[a-z][a-z0-9_-]{0,63}", "a name: lower case letters, digits, _ -, at most 64")]


class When(FilePart):
    """All that is given must hold. `types`, `alerts`, `services` and `nodes` are patterns with `*`; facts, cues
    and `names` by name. What names services fits no event about a whole node."""

    types: tuple[Text, ...] = ()
    alerts: tuple[Text, ...] = ()
    services: tuple[Text, ...] = ()
    nodes: tuple[Text, ...] = ()
    severities: tuple[Severity, ...] = ()
    any: tuple[Key, ...] = ()
    all: tuple[Key, ...] = ()
    none: tuple[Key, ...] = ()


class PolicyRule(FilePart):
    """`runbook_adds`: what a runbook that is certain says helps is offered beside `allow`, if it needs nothing else.
    `classifier`: may what people chose for such events change what it prefers?"""

    name: Key
    enabled: bool = True
    when: When = When()
    allow: tuple[ChoiceWord, ...] = Field(min_length=1)
    prefer: ChoiceWord
    reason: Text
    runbook_adds: bool = False
    classifier: bool = True

    @model_validator(mode="after")
    def _preferred_is_allowed(self) -> PolicyRule:
        if self.prefer not in self.allow:
            raise ValueError(f"prefer is {self.prefer!r}, which is not in allow; add it there")
        return self


class Never(FilePart):
    """Where restart and redeploy are never offered: exact names, and patterns with `*`, lower case."""

    services: tuple[Text, ...] = ()
    patterns: tuple[Text, ...] = ()
    nodes: tuple[Text, ...] = ()


class Requests(FilePart):
    """What a person's own playbook may use beyond the shipped table: arguments by a module's full name. `max_risk`: the
    most that a request in words may risk; above it nothing is proposed. `users`: as whom a playbook may log in where it
    does not leave that to the inventory."""

    max_risk: Risk | None = None
    users: tuple[UserName, ...] = ()
    modules: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_allowed(self) -> Requests:
        for module, arguments in self.modules.items():
            for argument in (None, *arguments):
                if problem := widening_problem(module, argument):
                    raise ValueError(f"modules: {module}: {problem}")
        return self


# Of a document: by cue its words that count in some lines only.
IN_SOME_LINES = ("topics", "logged", "failed_at", "at_work")


class Document(FilePart):
    """One policy file. `unprotect` takes names off the shipped `never` lists.

    The words of a cue: `cues` count anywhere, `topics` in a line that complains, `logged` in what the program printed,
    `failed_at` in what it printed of a failure, `at_work` in what it printed at any level; `unless` says of a word
    beside which others it does not count. `names` are words of names (of a type, an alert, a rule): `says_...`,
    `about_...`, and `program`. `classifier: false` leaves out what was learnt from labelled events.
    """

    max_restarts_per_hour: Annotated[int, Field(ge=0, le=1000, strict=True)] | None = None
    never: Never = Never()
    unprotect: tuple[Text, ...] = ()
    cues: dict[Key, tuple[Text, ...]] = Field(default_factory=dict)
    topics: dict[Key, tuple[Text, ...]] = Field(default_factory=dict)
    logged: dict[Key, tuple[Text, ...]] = Field(default_factory=dict)
    failed_at: dict[Key, tuple[Text, ...]] = Field(default_factory=dict)
    at_work: dict[Key, tuple[Text, ...]] = Field(default_factory=dict)
    unless: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    grave: tuple[Key, ...] = ()
    names: dict[Key, tuple[Text, ...]] = Field(default_factory=dict)
    rules: tuple[PolicyRule, ...] = ()
    requests: Requests = Requests()
    classifier: Annotated[bool, Field(strict=True)] | None = None

    def cue_words(self) -> CueWords:
        listed = ("cues", *IN_SOME_LINES, "unless")
        return _cue_words(self.grave, **{part: tuple(getattr(self, part).items()) for part in listed})

    def name_words(self) -> NameWords:
        return _name_words(tuple(self.names.items()))


_Words = tuple[tuple[str, tuple[str, ...]], ...]  # of a mapping, as what can be a key


@lru_cache(maxsize=8)
def _cue_words(grave: tuple[str, ...], cues: _Words, unless: _Words, **in_some_lines: _Words) -> CueWords:
    """Once for all documents with the same words: few files over the shipped policy have words of their own, and what
    they are looked up by was most of what reading one takes."""
    return CueWords(
        plain=_lowered(cues),
        **{part: _lowered(words) for part, words in in_some_lines.items()},
        grave=frozenset(grave),
        unless={word.lower(): said for word, said in _lowered(unless).items()},
    )


@lru_cache(maxsize=8)
def _name_words(names: _Words) -> NameWords:
    """Likewise."""
    return NameWords({kind: tuple(" ".join(words_of(text)) for text in said) for kind, said in names})


def merged(base: Document, over: Document) -> Document:
    """Rule by rule: a rule of the same name takes the shipped one's place, a new one comes first."""
    replaced = {rule.name: rule for rule in over.rules}
    shipped = {rule.name for rule in base.rules}
    rules = [rule for rule in over.rules if rule.name not in shipped]
    rules += [replaced.get(rule.name, rule) for rule in base.rules]
    free = {name.lower() for name in over.unprotect}
    listed = {*base.never.services, *base.never.patterns, *base.never.nodes}
    if unknown := sorted(free - listed):
        near = looks_like(unknown[0], listed)
        names = ", ".join(sorted(listed))
        raise BadPolicy(
            f"unprotect: {unknown[0]!r} is on no never list; the names there are {names}{near}", where=("unprotect",)
        )

    def both(field: str) -> tuple[str, ...]:
        kept = [name for name in getattr(base.never, field) if name not in free]
        return (*kept, *(name.lower() for name in getattr(over.never, field)))

    limit = over.max_restarts_per_hour
    return Document(
        max_restarts_per_hour=base.max_restarts_per_hour if limit is None else limit,
        never=Never(services=both("services"), patterns=both("patterns"), nodes=both("nodes")),
        cues={**base.cues, **over.cues},
        # Whoever gives a cue words of his own means these, and no other of ours beside them.
        **{part: {**_without(getattr(base, part), over.cues), **getattr(over, part)} for part in IN_SOME_LINES},
        unless={**base.unless, **over.unless},
        grave=(*base.grave, *over.grave),
        names={**base.names, **over.names},
        rules=tuple(rules),
        classifier=base.classifier if over.classifier is None else over.classifier,
        requests=Requests(
            modules={**base.requests.modules, **over.requests.modules},
            max_risk=over.requests.max_risk or base.requests.max_risk,
            users=(*base.requests.users, *over.requests.users),
        ),
    )


def _lowered(words: _Words) -> dict[str, tuple[str, ...]]:
    return {name: tuple(word.lower() for word in said) for name, said in words}


def _without(words: dict[Key, tuple[Text, ...]], replaced: Iterable[str]) -> dict[Key, tuple[Text, ...]]:
    return {name: said for name, said in words.items() if name not in set(replaced)}


def read_policy(raw: bytes | str, source: str) -> Document:
    """Raises BadPolicy, of all that does not fit with the first."""
    return policy_in(ConfigDocument(raw, source, BadPolicy))


def policy_in(text: ConfigDocument) -> Document:
    """Raises BadPolicy, likewise."""
    document = text.fitted(Document)
    names = [rule.name for rule in document.rules]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise text.refused(("rules", number), f"rules: {name!r} is there twice; give one of them another name")
    return document


def rule_lines(text: ConfigDocument) -> dict[str, int]:
    """On which line of a policy's text each of its rules begins, by name; a text that is no policy has none."""
    rules = text.said.get("rules") if isinstance(text.said, dict) else None
    named = enumerate(rules if isinstance(rules, list) else ())
    return {str(rule.get("name")): text.line(("rules", n)) for n, rule in named if isinstance(rule, dict)}
