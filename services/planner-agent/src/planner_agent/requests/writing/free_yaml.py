"""Tasks out of what a model writes that cannot keep to a form: YAML with fences, prose and odd signs around it. Pure.

Only what stands around the YAML is taken off, and signs that stand for others are put right. What is left is read by
the lint's own parser; a task that says more than a module and its arguments is refused, never cut down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.strict_json import Refusal
from mesh_core.policy.playbook_lint.table import full_name
from mesh_core.policy.playbook_lint.yaml_text import NotReadable, plays_in

MAX_CHARACTERS = 32_768
_ODD_SIGNS = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»", '"'),
        **dict.fromkeys("‘’‚‛", "'"),
        **dict.fromkeys("\u00a0\u2007\u202f\u3000", " "),
        **dict.fromkeys("\ufeff\u200b\u200c\u200d\u2060", None),
        **dict.fromkeys("‐‑–—", "-"),
    }
)
_FENCE = re.compile(r"[ ]{0,8}(?:`{3,}|~{3,})")
_BEGINS = re.compile(r"(?:-(?: |$)|(?:hosts|tasks):(?: |$))")
_GOES_ON = re.compile(r"(?:[ #-]|$|[A-Za-z_.]{1,60}:(?: |$))")
_OF_A_PLAY = frozenset({"name", "hosts", "gather_facts", "become", "tasks"})
_BESIDE_A_MODULE = frozenset({"name", "become"})  # as whom a host is entered, its inventory says


def tasks_in(text: str) -> tuple[tuple[str, dict[str, Any]], ...] | Refusal:
    """Each task as its module's full name and its arguments, in order; at least one. Never raises."""
    if len(text) > MAX_CHARACTERS:
        return Refusal(f"it has {len(text)} characters, {MAX_CHARACTERS} are the limit")
    try:
        documents = [plays_in(document) for document in _documents(text)]
        tasks = [task for document in documents for part in document for task in _tasks_of(part)]
        made = tuple(_module_of(task) for task in tasks)
    except NotReadable as error:
        return Refusal(str(error))
    return made or Refusal("it holds no tasks")


def _documents(text: str) -> Iterator[str]:
    lines = [
        _indented(line) for line in text.translate(_ODD_SIGNS).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ]
    document: list[str] = []
    for line in [*(_fenced(lines) or lines), "---"]:
        if line.rstrip() not in ("---", "..."):
            document.append(line)
            continue
        if found := _without_prose(document):
            yield "\n".join(found)
        document = []


def _indented(line: str) -> str:
    """A tab is two blanks before the first word, and one elsewhere."""
    body = line.lstrip(" \t")
    return line[: len(line) - len(body)].replace("\t", "  ") + body.replace("\t", " ")


def _fenced(lines: list[str]) -> list[str]:
    """What stands between lines of fences, in a document of its own each; [] where there are none."""
    made: list[str] = []
    inside = False
    for line in lines:
        if _FENCE.match(line):
            inside = not inside
            made.append("---")
        elif inside:
            made.append(line)
    return made


def _without_prose(lines: list[str]) -> list[str]:
    """From the first line that begins a list or a play to the last that may go on with it, as a list."""
    first = next((place for place, line in enumerate(lines) if _BEGINS.match(line.lstrip())), None)
    if first is None:
        return []
    indent = len(lines[first]) - len(lines[first].lstrip())
    kept = [line[indent:] if line[:indent].isspace() or not indent else line for line in lines[first:]]
    last = next((place for place, line in enumerate(kept) if not _GOES_ON.match(line)), len(kept))
    kept = kept[:last]
    return kept if kept[0].startswith("-") else ["-", *(f"  {line}" for line in kept)]


def _tasks_of(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of a play; a task itself is one. Raises NotReadable."""
    if "tasks" not in part:
        return [part]
    if more := sorted(part.keys() - _OF_A_PLAY):
        raise NotReadable(f"its play says {more[0]}; say nothing but tasks, each with a module and its arguments")
    tasks = part["tasks"]
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise NotReadable("its tasks are no list")
    return tasks


def _module_of(task: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    said = [word for word in task if word not in _BESIDE_A_MODULE]
    if len(said) != 1:
        raise NotReadable(f"a task says {', '.join(said)[:100] or 'nothing'}; say one module, and nothing beside it")
    arguments = task[said[0]]
    if not isinstance(arguments, dict | None):
        raise NotReadable(f"the arguments of {said[0][:60]} are no mapping")
    return full_name(said[0]), dict(arguments or {})
