"""What in a person's own playbook could act before, or beyond, what was reviewed. Pure Python; asks Ansible nothing.

`ansible-playbook --syntax-check` executes lookups in `hosts`, a play's name, `vars_files` and `import_*`: checking the
syntax *is* running code, so this allow-list comes first. What is not known here is refused, with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from mesh_core.records import is_name

_PLAY_KEYS = frozenset(
    (  # noqa: SIM905  (a list of one word a line is harder to read)
        "name hosts gather_facts become become_user become_method vars tasks pre_tasks post_tasks handlers "
        "tags any_errors_fatal ignore_errors ignore_unreachable check_mode diff no_log environment timeout"
    ).split()
)
_TASK_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")
_LATER = frozenset((*_TASK_LISTS, "vars"))  # read when a task runs, not when the syntax is checked
_TASK_WORDS = frozenset(
    (  # noqa: SIM905  (a list of one word a line is harder to read)
        "name args become become_user become_method vars when loop loop_control register changed_when "
        "failed_when until retries delay ignore_errors ignore_unreachable tags notify listen check_mode diff "
        "no_log environment timeout any_errors_fatal run_once throttle block rescue always with_items "
        "with_dict"
    ).split()
)
_TEMPLATE = re.compile(r"\{[{%#]")
# `lookup` by any use, its other names when called or taken in a statement ({% set l = q %})
_LOOKUP = re.compile(r"\blookup\b|\b(query|q)\s{0,20}\(|\{%[^%]{0,2000}\b(query|q)\b")
_ELSEWHERE = frozenset(
    {"add_host", "group_by", "meta", "script", "fetch", "include_vars", "include_role", "import_role"}
)
_MODULE = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*){0,3}")


def playbook_hazards(text: str, node: str | None = None) -> tuple[str, ...]:
    """Sentences saying what makes this playbook unfit; () if nothing does. With `node`, `hosts` must be just that."""
    try:
        plays = yaml.load(text, Loader=_PlaybookLoader)  # noqa: S506  (a SafeLoader with two more tags)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return (f"it is not plain YAML: {getattr(error, 'problem', None) or 'nested too deeply or not readable'}",)
    if not isinstance(plays, list) or not plays or not all(isinstance(play, dict) for play in plays):
        return ("it is not a list of plays",)
    return tuple(dict.fromkeys(hazard for play in plays for hazard in _play_hazards(play, node)))


def _play_hazards(play: dict[Any, Any], node: str | None) -> Iterator[str]:
    hosts = play.get("hosts")
    if not isinstance(hosts, str) or not is_name(hosts) or hosts in ("all", "ungrouped"):
        yield "hosts of each play must be one plain host name"
    elif node is not None and hosts != node:
        yield f"a play is for {hosts}, but the proposal is for {node}"
    for key, value in play.items():
        if key not in _PLAY_KEYS:
            yield f"a play may not use {key!r}: what it loads cannot be reviewed here"
        elif key not in _LATER and any(_TEMPLATE.search(word) for word in _words(value)):
            yield f"a template in a play's {key} would run before anything else"
    yield from _body_hazards(play)


def _body_hazards(body: dict[Any, Any]) -> Iterator[str]:
    """Of anything that has tasks or variables: a play or a block."""
    yield from _variable_hazards(body.get("vars"))
    for name in _TASK_LISTS:
        tasks = body.get(name)
        if tasks is None:
            continue
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            yield f"{name} must be a list of tasks"
            continue
        for task in tasks:
            yield from _task_hazards(task)


def _task_hazards(task: dict[Any, Any]) -> Iterator[str]:
    modules = [key for key in task if key not in _TASK_WORDS]
    is_block = "block" in task
    if is_block and modules:
        yield f"a block may not use {modules[0]!r}"
    elif not is_block and len(modules) != 1:
        yield f"a task must use exactly one module, this one has {', '.join(map(repr, modules)) or 'none'}"
    for module in modules:
        if not isinstance(module, str) or not _MODULE.fullmatch(module):
            yield f"{module!r} is not a module's name"
            continue
        short = module.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        if short in _ELSEWHERE or short.startswith(("import_", "include_")) or short in ("action", "local_action"):
            yield f"{module} acts on more than the reviewed host and text"
        if short in ("delegate_to", "delegate_facts", "connection", "remote_user", "port", "module_defaults"):
            yield f"{module} would lead a task to another host"
        if short == "set_fact":
            yield from _variable_hazards(task[module])
            yield from _variable_hazards(task.get("args"))
    for word in (task.get("register"), *_words(task.get("loop_control"))):
        if isinstance(word, str) and word.startswith("ansible_"):
            yield f"the variable {word!r} would change how or where Ansible connects"
    own = {key: value for key, value in task.items() if key not in _LATER}
    if any(_LOOKUP.search(word) for word in _words(own)):
        yield "a lookup runs on the executor, not on the reviewed host"
    yield from _body_hazards(task)


def _variable_hazards(variables: object) -> Iterator[str]:
    if variables is None:
        return
    if not isinstance(variables, dict):
        yield "variables must be a mapping"
        return
    for name in variables:
        if not isinstance(name, str) or name.startswith("ansible_"):
            yield f"the variable {name!r} would change how or where Ansible connects"
    if any(_LOOKUP.search(word) for word in _words(variables)):
        yield "a lookup runs on the executor, not on the reviewed host"


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _words(key)
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)


class _PlaybookLoader(yaml.SafeLoader):
    """Safe YAML; aliases are refused (they swell, and show another text than runs); so is a key said twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias (*name) is used")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) != len(set(keys)):
            raise yaml.MarkedYAMLError(problem="a key is said twice in one mapping")
        return super().construct_mapping(node, deep)


_PlaybookLoader.add_constructor("!unsafe", lambda loader, node: str(node.value))
