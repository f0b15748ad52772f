"""Texts that are nearly playbooks: sound ones with something wrong in their tree, their letters or their encoding."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import yaml
from lint_rig import GOOD, SHA
from playbook_walker import Blind

_SIGNS = (
    *("- hosts: n1\n", "  tasks:\n", "  - ", "    ", "{", "}", "[", "]", ": ", "\n", "'", '"', "|", ">", "&a ", "*a"),
    *("!x ", "!unsafe ", "<<: ", "? ", "{{ ", " }}", "{% ", " %}", "q(", ")", "lookup", "hostvars", "x", "~", "| "),
    *("map('", "file", "\\", "\0", "\u2028", "\ufeff", "\u202e", "\x1b[2J", "\t", "\r", "#jinja2:", "---\n", "...\n"),
    *("ansible.builtin.copy", "src", "/etc/passwd", "debug", "msg", "when", "shell", "delegate_to", "vars", "loop"),
)
_WORDS = (
    *(
        "shell",
        "command",
        "raw",
        "script",
        "fetch",
        "slurp",
        "include_tasks",
        "import_role",
        "add_host",
        "pause",
        "reboot",
    ),
    *("ansible.legacy.copy", "community.general.npm", "ansible.posix.synchronize", "win_copy", "delegate_to", "async"),
    *("environment", "become_method", "connection", "with_items", "roles", "vars_files", "check_mode", "args", "block"),
    *("remote_src", "src", "dest", "validate", "docker_host", "var", "use", "ansible_host", "ignore_errors", "vars"),
    *(
        "when",
        "until",
        "loop",
        "register",
        "name",
        "hosts",
        "local_action",
        "_x",
        "body_format",
        "url",
        "content",
        "repo",
    ),
)
_VALUES: tuple[Any, ...] = (
    *(
        "/etc/shadow",
        "../../key",
        f"files/{SHA}",
        "files/" + "0" * 64,
        "file:///etc/passwd",
        "-x",
        "n2",
        "all",
        "",
        None,
    ),
    *("{{ hostvars }}", "{{ lookup('pipe', 'id') }}", "{{ x }}", "{{ days }}", "{{ q }}", "x }} {{ vars", "{{ '{{' }}"),
    *(
        "{{ mirrors | map('file') | list }}",
        "{{ mirrors | first }}",
        "{{ days.__class__ }}",
        "{% set a = 1 %}",
        "#jinja2: x",
    ),
    *("lookup('env', 'HOME')", "days is defined", "answer.status == 200", "hostvars.n2", "{{ ansible_password }}"),
    *(
        True,
        False,
        0,
        -1,
        10**12,
        float("inf"),
        [],
        {},
        [[]],
        {"a": "{{ groups }}"},
        {"{{ x }}": 1},
        ["x", "{{ vars }}"],
    ),
    *(
        "form-multipart",
        "yes",
        "absent",
        "ann; id",
        "a\nb",
        "\u202eevil",
        "{{ omit }}",
        "{{ ansible_facts.env }}",
        "!unsafe x",
    ),
)


def mutated(chance: random.Random) -> Iterator[str]:
    """Without end: one to three things wrong in each, and heaps of signs."""
    trees = [*_small_ones(), yaml.load(GOOD, Loader=Blind)]
    seeds = [*(yaml.safe_dump(_plain(tree), sort_keys=False) for tree in trees[:-1]), GOOD]
    while True:
        way = chance.random()
        if way < 0.1:
            text = "".join(chance.choices(_SIGNS, k=chance.randrange(60)))
        elif way < 0.55:
            tree = copy.deepcopy(chance.choice(trees))
            for _ in range(chance.choice((1, 1, 2, 3))):
                _bend(tree, chance)
            text = yaml.safe_dump(_plain(tree), sort_keys=False, default_flow_style=chance.choice((None, True, False)))
        else:
            text = chance.choice(seeds)
        if way < 0.1 or way > 0.5:
            for _ in range(chance.choice((1, 1, 2))):
                at = chance.randrange(len(text) + 1)
                new = chance.choice(_SIGNS if chance.random() < 0.7 else ("x", "1", ""))
                text = text[:at] + new + text[at + chance.choice((0, 0, 1, 7)) :]
        if chance.random() < 0.05:
            text = _as_read_wrongly(text, chance)
        yield text


def _small_ones() -> list[Any]:
    """The sound playbook as many: what it says of itself, one task of each."""
    (play,) = yaml.load(GOOD, Loader=Blind)
    head = {word: play[word] for word in ("name", "hosts", "become", "vars")}
    return [[{**head, part: [task]}] for part in ("pre_tasks", "tasks", "handlers") for task in play[part]]


def _bend(tree: Any, chance: random.Random) -> None:
    """One place of it, whichever: another word, another value, one more, one less."""
    places = list(_places(tree))
    if not places:  # all of it is gone already
        return
    holder, key = chance.choice(places)
    match chance.randrange(5):
        case 0:
            holder[key] = copy.deepcopy(chance.choice(_VALUES))
        case 1 if isinstance(holder, dict):
            holder[chance.choice(_WORDS)] = holder.pop(key)
        case 2 if isinstance(holder, dict):
            holder[chance.choice(_WORDS)] = copy.deepcopy(chance.choice(_VALUES))
        case 3:
            del holder[key]
        case _:
            other, where = chance.choice(places)
            if where in other if isinstance(other, dict) else where < len(other):
                holder[key] = copy.deepcopy(other[where])


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    todo = [tree]
    while todo:
        part = todo.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part))
        for key in keys:
            yield part, key
            if isinstance(part[key], dict | list) and part[key]:
                todo.append(part[key])


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _plain(said) for key, said in tree.items()}
    if isinstance(tree, list):
        return [_plain(said) for said in tree]
    return str(tree) if isinstance(tree, str) else tree


def _as_read_wrongly(text: str, chance: random.Random) -> str:
    """The same bytes in another encoding, a byte-order mark, other ends of lines."""
    match chance.randrange(5):
        case 0:
            return "\ufeff" + text
        case 1:
            return text.replace("\n", chance.choice(("\r\n", "\r", "\x85", "\u2028")))
        case 2:
            return text.encode("utf-16").decode("latin-1")
        case 3:
            return text.encode().decode("utf-16", "replace")
        case _:
            return text.encode("utf-7").decode("ascii") + "\ud800"
