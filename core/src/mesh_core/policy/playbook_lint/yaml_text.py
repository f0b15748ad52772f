"""Text -> plays as plain data, by the parser that Ansible uses, without what it may do beyond data.

An alias swells and shows another text than runs, a tag makes objects, a key said twice hides the first: refused.
"""

from __future__ import annotations

from typing import Any

import yaml

from mesh_core.models.yaml_loader import SafeLoader, events_within

MAX_DEPTH = 50
_PLAIN = (str, int, float, type(None))


class NotReadable(ValueError):
    """It is no list of plays; the text says why."""


class Literal(str):
    """A text under `!unsafe`: Ansible never reads it as a template."""

    __slots__ = ()


def plays_in(text: str) -> list[dict[Any, Any]]:
    """The plays: mappings with keys of text, lists, texts, numbers, true, false and null. Raises NotReadable."""
    return mappings_in(text, "plays")


def mappings_in(text: str, what: str) -> list[dict[Any, Any]]:
    """Such a list of plays or of tasks, at least one. Raises NotReadable."""
    try:
        _check_events(text)
        found = yaml.load(text, Loader=_PlainLoader)  # noqa: S506  (a SafeLoader with fewer types and one more tag)
    except NotReadable:
        raise
    except Exception as error:  # noqa: BLE001  (a parser that trips over garbage says no in one more way)
        problem = getattr(error, "problem", None) or "nested too deeply or not readable"
        raise NotReadable(f"it is not plain YAML: {problem}{_where(text, error)}") from None
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise NotReadable(f"it is not a list of {what}")
    return found


def _where(text: str, error: Exception) -> str:
    """The line at which the parser gave up, and what people often leave there."""
    if any(line.lstrip().startswith("```") for line in text.splitlines()):
        return "; keep only what stands between the ``` lines"
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return ""
    lines = text.splitlines()
    tab = mark.line < len(lines) and lines[mark.line][: mark.column + 1].endswith("\t")
    return f" in line {mark.line + 1}" + (": a tab, indent with blanks" if tab else "")


def _check_events(text: str) -> None:
    """Before anything is built: depth, aliases, tags. Ends at the first, so that hostile text costs little."""
    try:
        for event in events_within(text, MAX_DEPTH):
            if isinstance(event, yaml.AliasEvent):
                raise NotReadable("it is not plain YAML: an alias (*name) is used")
            tag = getattr(event, "tag", None)
            if tag not in (None, "!") and not (tag == "!unsafe" and isinstance(event, yaml.ScalarEvent)):
                raise NotReadable(
                    f"it is not plain YAML: the tag {str(tag)[:80]} is used (only !unsafe on a text may be)"
                )
    except RecursionError:
        raise NotReadable(f"it is nested deeper than {MAX_DEPTH}") from None


class _PlainLoader(SafeLoader):  # type: ignore[misc]
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) != len(set(keys)):
            raise NotReadable("it is not plain YAML: a key is said twice in one mapping")
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":  # `on`, `1` and `<<` are none either
                raise NotReadable(f"it is not plain YAML: the key {str(key.value)[:80]!r} is no text; quote it")
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        value = super().construct_object(node, deep=deep)
        if isinstance(node, yaml.ScalarNode) and not isinstance(value, _PLAIN):
            raise NotReadable(
                f"it is not plain YAML: {node.value[:80]!r} is read as a {type(value).__name__}; quote it"
            )
        return value


_PlainLoader.add_constructor("!unsafe", lambda loader, node: Literal(node.value))
