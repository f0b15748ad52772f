"""A second reading of playbooks that the judge let through, with no code of the judge's.

It knows only the table of modules and the lists of docs/playbooks.md. What it finds in an accepted text is a hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import yaml
from lint_rig import SHA

from mesh_core.models.yaml_loader import SafeLoader

TABLE: dict[str, Any] = yaml.load(
    resources.files("mesh_core.policy.playbook_lint").joinpath("modules.yml").read_text(encoding="utf-8"), SafeLoader
)
_OF_BOTH = frozenset(
    ("name", "vars", "become", "become_user", "tags", "check_mode", "timeout", "ignore_errors", "no_log", "diff")
) | {"ignore_unreachable", "any_errors_fatal"}
_OF_PLAYS = _OF_BOTH | {"hosts", "gather_facts", "serial", "pre_tasks", "tasks", "post_tasks", "handlers"}
_OF_BLOCKS = _OF_BOTH | {"when", "notify", "throttle", "run_once", "block", "rescue", "always"}
_OF_TASKS = _OF_BOTH | frozenset(
    ("when", "notify", "throttle", "run_once", "loop", "loop_control", "register", "changed_when", "failed_when")
)
_OF_TASKS |= {"until", "retries", "delay", "listen", "args"}
_NO_TEMPLATES = ("name", "become_user", "register", "notify", "tags", "listen", "become", "serial")
_EXPRESSIONS = {"when", "until", "changed_when", "failed_when", "that"}
_FOREIGN = re.compile(
    r"(?<![\w.'\"])(hostvars|vars|groups|group_names|lookup|query|q|play_hosts|playbook_dir|inventory_dir|inventory_file"
    r"|role_path|environment|now|undef|range|dict|lipsum|cycler|joiner|namespace|self|super|caller|varargs)\b(?!\s*=[^=])"
    r"|ansible_(?:user|password|host|port|connection|become\w*|ssh\w*|env|version|playbook_python)\b"
    r"|\|\s*(?:file|fileglob|unvault|vault|realpath|expanduser|expandvars|random|password_hash|attr|xmlattr|regex_\w+)\b"
    r"|\.?__\w+__|%\}\s*\{%\s*(?:include|import|from|extends)\b|\{%-?\s*(?:set|macro|call|filter|include|import|from|extends)\b"
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_ADDRESS = re.compile(r"https?://")


class _Written(str):
    """Under `!unsafe`: never a template."""


class Blind(SafeLoader):  # type: ignore[misc]
    """Reads what passed as Ansible does, without the lint's own rules."""


class _Slow(yaml.SafeLoader):
    """The other parser: Ansible's where there is no libyaml."""


for _loader in (Blind, _Slow):
    _loader.add_constructor("!unsafe", lambda loader, node: _Written(node.value))


def holes_in(text: str, attached: frozenset[str] = frozenset({SHA})) -> list[str]:
    """What an accepted playbook for the host n1 does beyond the lists."""
    plays = yaml.load(text, Loader=Blind)
    try:
        other = yaml.load(text, Loader=_Slow)
    except (yaml.YAMLError, ValueError):
        other = plays  # it runs nothing where it cannot be read
    two = [] if repr(other) == repr(plays) else ["two parsers read two playbooks"]
    return [*two, *_of_plays(plays, attached)]


def _of_plays(plays: Any, attached: frozenset[str]) -> Iterator[str]:
    for play in plays:
        if play["hosts"] != "n1":
            yield f"hosts {play['hosts']!r}"
        yield from _of_words(play, _OF_PLAYS)
        for part in ("pre_tasks", "tasks", "post_tasks", "handlers"):
            for task in play.get(part) or ():
                yield from _of_task(task, attached)


def _of_task(task: dict[str, Any], attached: frozenset[str]) -> Iterator[str]:
    if "block" in task:
        yield from _of_words(task, _OF_BLOCKS)
        for part in ("block", "rescue", "always"):
            for inner in task.get(part) or ():
                yield from _of_task(inner, attached)
        return
    modules = [word for word in task if word not in _OF_TASKS]
    yield from _of_words({word: said for word, said in task.items() if word not in modules}, _OF_TASKS)
    if len(modules) != 1:
        yield f"modules {modules}"
        return
    full = modules[0] if "." in modules[0] else f"ansible.builtin.{modules[0]}"
    known = TABLE["modules"].get(full)
    if known is None:
        yield f"module {full}"
        return
    arguments = {**(task.get("args") or {}), **(task[modules[0]] or {})}
    for name, value in arguments.items():
        checker = known.get(name, known.get("*"))
        if checker is None or name.startswith("ansible_"):
            yield f"{full}: {name}"
        elif isinstance(checker, list) and "{{" not in str(value) and value not in checker:
            yield f"{full}: {name} {value!r}"
        elif checker in ("source", "host_source", "attachment"):
            own = isinstance(value, str) and value.removeprefix("files/") in attached and value.startswith("files/")
            if not own and (checker == "attachment" or arguments.get("remote_src") is not True):
                yield f"{full}: {name} reads {value!r}"
        elif checker == "url" and not _ADDRESS.match(str(value)):
            yield f"{full}: {name} leads to {value!r}"
        elif checker == "body_format" and value not in ("json", "raw", "form-urlencoded"):
            yield f"{full}: {name} {value!r}"
        yield from _of_templates(value, name in _EXPRESSIONS)


def _of_words(part: dict[str, Any], known: frozenset[str]) -> Iterator[str]:
    for word, said in part.items():
        if word not in known:
            yield f"word {word}"
        if word == "check_mode" and said is not True:
            yield f"check_mode {said!r}"
        if word in ("name", "become_user", "register", "notify", "tags", "listen", "become", "serial") and "{{" in str(
            said
        ):
            yield f"{word} is a template"
        if word == "vars":
            yield from (f"variable {name}" for name in said or () if name.startswith(("ansible_", "_")))
        if word not in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers"):
            yield from _of_templates(said, word in _EXPRESSIONS)


def _of_templates(value: Any, is_expression: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, said in value.items():
            if "{{" in str(key) or "{%" in str(key):
                yield f"the key {key!r} is a template"
            yield from _of_templates(said, is_expression)
    elif isinstance(value, list):
        for said in value:
            yield from _of_templates(said, is_expression)
    elif isinstance(value, str) and not (isinstance(value, _Written) and not is_expression):
        for found in _TEMPLATE.finditer(value):
            if _FOREIGN.search(_QUOTED.sub("''", found[0])):
                yield f"a template says {found[0][:200]!r}"
        if is_expression and _FOREIGN.search(_QUOTED.sub("''", value)):
            yield f"an expression says {value[:200]!r}"
