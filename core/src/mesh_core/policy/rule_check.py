"""Does every name in a policy's files mean something, and may its rules be? Judges no event. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mesh_core.actions.choices import IGNORE, NOTIFY
from mesh_core.incidents.known_facts import type_problem
from mesh_core.models.config_file import looks_like
from mesh_core.models.events import Severity
from mesh_core.policy.event_facts.facts import REASONS_FOR_SILENCE, Fact
from mesh_core.policy.policy_file import IN_SOME_LINES, BadPolicy, Document, PolicyRule, When
from mesh_core.policy.words.name_words import ABOUT, PROGRAM, PROXIES, SAYS


def check_names(rules: tuple[PolicyRule, ...], cues: frozenset[str], names: frozenset[str]) -> None:
    """What no rule may be; BadPolicy with the name of the first that is. Words in a log may make a rule careful, never
    bold and never silent: anybody can write a sentence into one."""
    facts = {fact.value for fact in Fact}
    if both := sorted(facts & cues):
        raise BadPolicy(f"cues: {both[0]!r} is the name of a fact; choose another name")
    if odd := sorted(name for name in names - {PROGRAM, PROXIES} if name in cues or not name.startswith((SAYS, ABOUT))):
        raise BadPolicy(
            f"names: {odd[0]!r} is none of {SAYS}..., {ABOUT}..., {PROGRAM} and {PROXIES}; choose another name"
        )
    for rule in rules:
        if wrong := _wrong_in(rule, facts | names, cues):
            raise BadPolicy(f"rules: {rule.name}: {wrong}", rule.name)


def check_own(own: Document, base: Document, whole: Document) -> None:
    """Of a person's file over another one: names that nothing there means are most likely misspelt. Raises BadPolicy
    with the place of the first."""
    if found := next(_meaningless(own, base, whole), None):
        where, sentence = found
        raise BadPolicy(f"{'.'.join(where)}: {sentence}", where=where)


def _meaningless(own: Document, base: Document, whole: Document) -> Iterator[tuple[tuple[str, ...], str]]:
    cues, before = whole.cue_words(), base.cue_words()
    asked = {name for rule in whole.rules for name in (*rule.when.any, *rule.when.all, *rule.when.none)}
    for part in ("cues", *IN_SOME_LINES):
        for cue in getattr(own, part):
            if cue not in before.names | asked:
                yield (part, cue), f"no rule asks for this cue{looks_like(cue, before.names)}"
    for kind in own.names:
        if kind not in {*base.names, *asked}:
            yield ("names", kind), f"no rule asks for this kind of names{looks_like(kind, base.names)}"
    for number, cue in enumerate(own.grave):
        if cue not in cues.names:
            known = ", ".join(sorted(cues.names))
            yield ("grave", str(number)), f"{cue!r} is no cue; cues are {known}{looks_like(cue, cues.names)}"
    words = cues.words
    for word in own.unless:
        if word.lower() not in words:
            yield ("unless", word), f"{word!r} is a word of no cue{looks_like(word.lower(), words)}"


def unlikely_types(own: Document) -> Iterator[tuple[tuple[str, ...], str]]:
    """(the place, a sentence) of each type of event that is probably another one, misspelt. No more than probably:
    whoever posts to a hook may call a type as he likes."""
    for number, rule in enumerate(own.rules):
        for place, pattern in enumerate(rule.when.types):
            if problem := type_problem(pattern):
                yield ("rules", str(number), "when", "types", str(place)), problem


def _wrong_in(rule: PolicyRule, facts: set[str], cues: frozenset[str]) -> str:
    asked = {*rule.when.any, *rule.when.all, *rule.when.none}
    if unknown := sorted(asked - facts - cues):
        return (
            f"when: {unknown[0]!r} is neither a fact nor a cue; facts are {', '.join(sorted(facts))}; "
            f"cues are {', '.join(sorted(cues))}{looks_like(unknown[0], facts | cues)}"
        )
    if {*rule.when.any, *rule.when.all} & cues and rule.prefer != NOTIFY.word:
        return "prefer must be notify, because `when` looks at words (cues)"
    if IGNORE.word in rule.allow and not _says_why_silent(rule.when):
        return (
            "allow: ignore needs a reason that stands in a field: name one of the facts "
            f"{', '.join(sorted(REASONS_FOR_SILENCE))} in when.any (nothing else beside it) or in when.all, "
            "or name types, or write severities: [info]; or take ignore out of allow"
        )
    if IGNORE.word in rule.allow and rule.prefer != IGNORE.word:
        return (
            "allow: ignore is not for choosing, or words in a log could choose it; take it out of allow, or write "
            "prefer: ignore"
        )
    return ""


def _says_why_silent(when: When) -> bool:
    """Does this require something that somebody says in a field? Severity alone does only as `info`, nothing by `*`."""
    silent = {fact.value for fact in REASONS_FOR_SILENCE}
    return (
        bool(silent & {*when.all})
        or (bool(when.any) and silent.issuperset(when.any))
        or any(pattern.strip("*") for pattern in when.types)
        or any(pattern.strip("*") for pattern in when.alerts)
        or (bool(when.severities) and set(when.severities) == {Severity.INFO})
    )
