"""Rules that can never speak, because one before them speaks whenever they could. Only where that is sure. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase

from mesh_core.policy.policy_file import PolicyRule, When

WILD = frozenset("*?[")


def covered(rules: Sequence[PolicyRule]) -> Iterator[tuple[PolicyRule, PolicyRule]]:
    """(a rule that never fits first, the one before it that always does)."""
    for number, rule in enumerate(rules):
        if by := next((before for before in rules[:number] if _always_holds(before.when, rule.when)), None):
            yield rule, by


def _always_holds(wide: When, narrow: When) -> bool:
    """Does whatever fits `narrow` fit `wide`?"""
    said = {*narrow.all, *(narrow.any if len(narrow.any) == 1 else ())}
    return (
        all(_patterns(getattr(wide, key), getattr(narrow, key)) for key in ("types", "alerts", "services", "nodes"))
        and _within(wide.severities, narrow.severities)
        and (not wide.any or (bool(narrow.any) and {*narrow.any} <= {*wide.any}) or bool(said & {*wide.any}))
        and {*wide.all} <= said
        and {*wide.none} <= {*narrow.none}
    )


def _within(wide: Collection[object], narrow: Collection[object]) -> bool:
    return not wide or (bool(narrow) and {*narrow} <= {*wide})


def _patterns(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    return not wide or (bool(narrow) and all(any(_pattern(one, of) for one in wide) for of in narrow))


def _pattern(wide: str, narrow: str) -> bool:
    wide, narrow = wide.lower(), narrow.lower()
    return wide in (narrow, "*") or (WILD.isdisjoint(narrow) and fnmatchcase(narrow, wide))
