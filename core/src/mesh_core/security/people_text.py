"""The text of users.yml after a change: what nobody changed stays as a person wrote it, comments included. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any, TypeAlias

import yaml

# The first of the lines that go, the one after the last of them, and what comes in their place.
LineEdit: TypeAlias = tuple[int, int, str]
Section: TypeAlias = Mapping[str, Mapping[str, str]]  # what is said of each name


def edited(text: str, after: Mapping[str, Section]) -> str:
    """`text`, which can be used, so that it says `after`. Where names have no lines of their own (`{ada: {...}}`) it
    may come to nothing: whoever asks reads it again."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    sections = {key.value: (key, node) for key, node in root.value} if isinstance(root, yaml.MappingNode) else {}
    edits: list[LineEdit] = []
    for section, entries in after.items():
        if section in sections:
            edits += _in_section(*sections[section], entries, lines)
        else:
            edits.append((len(lines), len(lines), _block({section: entries})))
    for first, end, instead in sorted(edits, reverse=True):
        lines[first:end] = [instead]
    return "".join(lines)


def _in_section(key: Any, node: Any, entries: Section, lines: list[str]) -> Iterator[LineEdit]:
    if not entries or not node.value:
        if entries or node.value:
            yield key.start_mark.line, _end(node), _block({key.value: entries})
        return
    known = {name.value: (name, entry) for name, entry in node.value}
    for called, (name, entry) in known.items():
        if called not in entries:
            yield name.start_mark.line, _end(entry), ""
        for field, value in entry.value if called in entries else ():
            wanted = entries[called].get(field.value, value.value)
            if wanted != value.value:
                row, line = value.start_mark.line, lines[value.start_mark.line]
                word = _block(wanted).partition("\n")[0]
                yield row, row + 1, line[: value.start_mark.column] + word + line[value.end_mark.column :]
    added = {called: entry for called, entry in entries.items() if called not in known}
    if added:
        yield _end(node), _end(node), indent(_block(added), " " * node.start_mark.column)


def _end(node: Any) -> int:
    """The line after its last one. A mapping in lines of its own ends where the next thing begins, comments before that
    included: so its last value is asked."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _end(node.value[-1][1])
    return int(node.end_mark.line) + 1


def _block(said: Any) -> str:
    return yaml.safe_dump(said, sort_keys=True, width=1000)
