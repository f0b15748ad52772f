"""A person's own runbook: a Markdown file to a Runbook, or to one sentence: file, line, what to write instead. Pure.

Between two lines `---` at its top may stand which trouble it is for and what mends it. Without that the file's name is
the alert's, as in public collections of runbooks; the headings that those use are known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from mesh_core.models.config_file import first_error, first_problem, not_yaml
from mesh_core.models.yaml_loader import SafeLoader, check_depth, line_of, node_problems
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
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRunbook(f"{file_name}: it is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    head, body = _apart(file_name, text)
    name = file_name.removesuffix(SUFFIX)
    node, said = _head(file_name, head)
    _known_words(file_name, node, said, choices)
    told = _body(body)
    whose = said if said.keys() & {"alerts", "services", "nodes", "labels"} else {**said, "alerts": [name]}
    words = f"{said.get('words', '')} {told.pop('words', '')}".strip()[:MAX_PROSE]
    try:
        return Runbook.model_validate({"title": name, **told, **whose, "words": words, "id": name, "own": True})
    except ValidationError as error:
        where = [str(part) for part in first_error(error)["loc"]]
        told_id = "its name: letters, digits, dot, dash and underscore only; rename the file"
        why = told_id if where == ["id"] else first_problem(error).removeprefix("the file: ")
        raise BadRunbook(f"{file_name}:{_line(node, where)}: {why}") from None


def _apart(file_name: str, text: str) -> tuple[str, str]:
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != _FENCE:
        return "", text
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise BadRunbook(f"{file_name}:1: it begins with {_FENCE}, and no other such line ends that part; add one")
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :])


def _head(file_name: str, head: str) -> tuple[Any, dict[str, Any]]:
    """(the YAML node, what it says). Lines of the node begin one below the file's own."""
    try:
        check_depth(head)
        loader = SafeLoader(head)
        node = loader.get_single_node()
        if problem := next(node_problems(node), ""):
            number, _, why = problem.partition(":")
            raise BadRunbook(f"{file_name}:{int(number) + 1}:{why}")
        said = loader.construct_document(node) if node else {}
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise BadRunbook(f"{file_name}:{mark.line + 2 if mark else 1}: {not_yaml(error)}") from None
    if not isinstance(said, dict):
        raise BadRunbook(f"{file_name}:2: between the two {_FENCE} stand keys and values, such as `alerts: [NodeDown]`")
    if unknown := next((key for key in said if key not in _HEAD), None):
        line = _line(node, [str(unknown)])
        raise BadRunbook(f"{file_name}:{line}: {unknown}: no such key; there are {', '.join(_HEAD)}")
    return node, said


def _known_words(file_name: str, node: Any, said: Mapping[str, Any], choices: Collection[str]) -> None:
    for key in ("helps", "useless"):
        words = said.get(key)
        unknown = next((word for word in words if word not in choices), None) if isinstance(words, list) else None
        if unknown is not None:
            known = ", ".join(sorted(choices))
            raise BadRunbook(
                f"{file_name}:{_line(node, [key])}: {key}: {str(unknown)[:60]!r} is no choice; there are {known}"
            )


def _line(node: Any, where: list[str]) -> int:
    return line_of(node, where) + 1 if node and where else 1


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
