"""A person's own runbook: a Markdown file to a Runbook, or to one sentence: file, line, what to write instead. Pure.

Between two lines `---` at its top may stand which trouble it is for and what mends it. Without that the file's name is
the alert's, as in public collections of runbooks; the headings that those use are known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from mesh_core.models.config_document import ConfigDocument, decoded
from mesh_core.models.config_file import first_error
from mesh_core.runbooks.runbook import Runbook

MAX_BYTES = 64 * 1024
SUFFIX = ".md"
MAX_PROSE, MAX_TITLE = 1000, 200
_FENCE = "---"
# A person writes these at the top; the rest of a Runbook is in the text.
_HEAD = ("alerts", "services", "nodes", "labels", "helps", "useless", "words", "sources")
_SAID_UNDER = {
    **dict.fromkeys(("meaning", "what it means", "about"), "means"),
    **dict.fromkeys(("look", "look first", "look at", "diagnosis", "investigation", "check", "checks"), "look"),
    **dict.fromkeys(("not when", "when not", "caution", "careful"), "not_when"),
}
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")


class BadRunbook(ValueError):
    """The file cannot be used; the text names the file, the line and what to write instead."""


def read_runbook(file_name: str, raw: bytes, choices: Collection[str]) -> Runbook:
    """One file's bytes, by its name. `choices`: the words that `helps` and `useless` may say. Raises BadRunbook."""
    if not file_name.endswith(SUFFIX):
        raise BadRunbook(f"{file_name[:80]}: a runbook's file is called NAME{SUFFIX}; rename it or take it away")
    if len(raw) > MAX_BYTES:
        raise BadRunbook(f"{file_name}: it has more than {MAX_BYTES} bytes; a runbook is a page of text")
    head, body = _apart(file_name, decoded(raw, file_name, BadRunbook))
    name = file_name.removesuffix(SUFFIX)
    file = _head(file_name, head)
    said = file.said or {}
    _known_words(file, said, choices)
    told = _body(body)
    whose = said if said.keys() & {"alerts", "services", "nodes", "labels"} else {**said, "alerts": [name]}
    words = f"{said.get('words', '')} {told.pop('words', '')}".strip()[:MAX_PROSE]
    try:
        return Runbook.model_validate({"title": name, **told, **whose, "words": words, "id": name, "own": True})
    except ValidationError as error:
        wrong = first_error(error)
        if wrong["loc"] == ("id",):
            why = "its name: letters, digits, dot, dash and underscore only; rename the file"
            raise BadRunbook(f"{file_name}: {why}") from None
        raise file.misfit(wrong) from None


def _apart(file_name: str, text: str) -> tuple[str, str]:
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != _FENCE:
        return "", text
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise BadRunbook(f"{file_name}:1: it begins with {_FENCE}, and no other such line ends that part; add one")
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :])


def _head(file_name: str, head: str) -> ConfigDocument:
    file = ConfigDocument(head, file_name, BadRunbook, above=1 if head else 0, plain=True)
    if not isinstance(file.said, dict | None):
        raise file.refused((), f"between the two {_FENCE} stand keys and values, such as `alerts: [NodeDown]`")
    if unknown := next((key for key in file.said or () if key not in _HEAD), None):
        raise file.refused((unknown,), f"{unknown}: no such key; there are {', '.join(_HEAD)}")
    return file


def _known_words(file: ConfigDocument, said: Mapping[str, Any], choices: Collection[str]) -> None:
    for key in ("helps", "useless"):
        words = said.get(key)
        unknown = next((word for word in words if word not in choices), None) if isinstance(words, list) else None
        if unknown is not None:
            known = ", ".join(sorted(choices))
            raise file.refused((key,), f"{key}: {str(unknown)[:60]!r} is no choice; there are {known}")


def _body(body: str) -> dict[str, str]:
    """Title, and what stands under the headings that we know; under another heading it is only found by its words."""
    told: dict[str, list[str]] = {"means": [], "look": [], "not_when": [], "words": []}
    title, part = "", "means"
    for line in body.splitlines():
        heading = _HEADING.fullmatch(line)
        if heading and heading[1] == "#" and not title:
            title = heading[2]
        elif heading:
            part = _SAID_UNDER.get(heading[2].lower().rstrip(":"), "words")
            told["words"].append(heading[2])
        else:
            told[part].append(line)
    prose = {key: " ".join(" ".join(lines).split())[:MAX_PROSE] for key, lines in told.items()}
    return prose | ({"title": title[:MAX_TITLE]} if title else {})
