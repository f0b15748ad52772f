"""What a task takes away, opens or shuts, by its module and its arguments: red sentences for a card, no refusal.

A module that removes a folder is as dangerous as the command that does. Programs that a task writes are read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.policy.playbook_lint import destroying as what
from mesh_core.policy.playbook_lint.assignments import texts_of
from mesh_core.policy.playbook_lint.checkers import ATTACHMENT, TaskContext
from mesh_core.policy.playbook_lint.destroying import dangers_in
from mesh_core.policy.playbook_lint.places import is_device, is_lasting, is_way_in, is_whole
from mesh_core.policy.playbook_lint.shell_words import UNKNOWN
from mesh_core.policy.playbook_lint.shutting_out import FIREWALL, OFF, WAY_IN, Protected
from mesh_core.policy.playbook_lint.table import table
from mesh_core.policy.playbook_lint.telling_words import DELETED, UNMOUNTED
from mesh_core.policy.playbook_lint.writing_over import CUT_OFF, DEVICE
from mesh_core.policy.playbook_lint.yaml_text import Literal

MAX_NAMED = 80  # characters of what a sentence names
_COMMANDS = frozenset({"command", "shell", "raw", "expect"})
_COMMAND_ARGUMENTS = frozenset({"job", "command", "entrypoint", "healthcheck", "validate"})
_WRITES = frozenset(
    {
        "file",
        "copy",
        "template",
        "lineinfile",
        "blockinfile",
        "replace",
        "get_url",
        "unarchive",
        "assemble",
        "git",
        "uri",
    }
)
_PROGRAM = re.compile(
    r"\.(?:sh|bash|py|pl|rb|service|timer|container)$|/s?bin/|/init\.d/|/cron|/rc\.local$|/profile(?:\.d/|$)"
)
_TURNS_OFF = frozenset({"reboot", "shutdown"})
_SHUT_ACCOUNT = re.compile(r"(?:/nologin|/false) | [!*]")  # a shell that lets nobody in, a password that none fits
_AWAY = frozenset({"absent", "removed", "unmounted", "purged", "reset"})
_TAKES_AWAY = {
    **dict.fromkeys(("user", "group"), what.USERS),
    **dict.fromkeys(("apt", "dnf", "dnf5", "yum", "package", "pip"), what.PACKAGES),
    "mount": UNMOUNTED,
    "docker_volume": what.VOLUMES,
    "docker_container": "takes a container away",
    "docker_compose_v2": "takes a project's containers away",
    "docker_network": "takes a network away",
    "authorized_key": WAY_IN,
    "ufw": FIREWALL,
    "firewalld": FIREWALL,
}
# Further words that do so without a state: (module, argument, its value).
_ALSO: tuple[tuple[str, str, tuple[object, ...], str], ...] = (
    ("apt", "purge", (True,), what.PACKAGES),
    ("apt", "autoremove", (True,), what.PACKAGES),
    *((module, "autoremove", (True,), what.PACKAGES) for module in ("dnf", "dnf5", "yum")),
    ("git", "force", (True,), "throws away what was changed in a folder"),
    ("authorized_key", "exclusive", (True,), WAY_IN),
    ("user", "password_lock", (True,), WAY_IN),
    ("ufw", "state", ("enabled", "disabled"), FIREWALL),
    ("ufw", "rule", ("deny", "reject", "limit"), FIREWALL),
    ("ufw", "default", ("deny", "reject"), FIREWALL),
    ("ufw", "policy", ("deny", "reject"), FIREWALL),
    ("ufw", "delete", (True,), FIREWALL),
    ("firewalld", "state", ("disabled",), FIREWALL),
    ("selinux", "state", ("permissive", "disabled"), "lifts the fence around what programs may do"),
    ("docker_prune", "containers", (True,), "removes every container that stands still"),
    ("docker_compose_v2", "remove_orphans", (True,), "takes containers away that the file does not name"),
    ("docker_compose_v2", "renew_anon_volumes", (True,), what.VOLUMES),
)


def harms_of(module: str, beside: TaskContext, protected: Protected) -> Iterator[str]:
    """Sentences about one task; `beside` holds its arguments and what its templates may come to."""
    short, arguments = module.rpartition(".")[2], beside.arguments
    for text in (*_commands(short, arguments), *_programs(short, beside)):
        for filled in _filled(text, beside):
            yield from dangers_in(filled, protected)
    for harm, named in (*_of_places(short, beside), *_of_words(module, short, beside, protected)):
        yield f"it {harm}: {short} {named}".rstrip()[: MAX_NAMED + 60].replace(UNKNOWN, "{{ }}")


def _commands(short: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    todo = [value for name, value in arguments.items() if short in _COMMANDS or name in _COMMAND_ARGUMENTS]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            todo += part.values()
        elif isinstance(part, list):
            todo += part if any(isinstance(one, dict | list) for one in part) else [" ".join(map(str, part))]
        elif isinstance(part, str):
            yield part


def _programs(short: str, beside: TaskContext) -> Iterator[str]:
    """Texts that the task writes where they are run, or as what can be run."""
    if short not in _WRITES:
        return
    place, mode = _text(beside, "dest") or _text(beside, "path"), str(beside.arguments.get("mode", ""))
    found = ATTACHMENT.fullmatch(str(beside.arguments.get("src", "")))
    texts = [_text(beside, "content"), _text(beside, "block"), _text(beside, "line")]
    texts += [beside.attachments.get(found[1], "")] if found else []
    for text in texts:
        if text and (text.startswith("#!") or _PROGRAM.search(place) or re.search(r"[1357]|x", mode[-3:])):
            yield text


def _of_places(short: str, beside: TaskContext) -> Iterator[tuple[str, str]]:
    if short not in _WRITES:
        return
    arguments = beside.arguments
    said = next((arguments[name] for name in ("dest", "path", "name") if arguments.get(name)), "")
    for place in _filled(str(said), beside):
        if arguments.get("state") == "absent" and short == "file":
            if place.startswith(UNKNOWN):
                yield what.ONLY_KNOWN_THEN, ""
            elif is_lasting(place) and (is_whole(place) or not what.IS_A_FILE.search(place)):
                yield what.TREE, f"{place} state=absent"
        elif short == "file" and any(name in arguments for name in ("mode", "owner", "group")):
            for_all = what.FOR_ALL.fullmatch(str(arguments.get("mode", ""))) is not None
            if is_whole(place) and (arguments.get("recurse") or place.strip("/") == ""):
                yield what.OWNERS, place
            elif for_all and arguments.get("recurse"):
                yield what.FOR_EVERYBODY, place
        emptied = short == "copy" and arguments.get("content") == "" and arguments.get("force") is not False
        if emptied and is_lasting(place):
            yield CUT_OFF, place
        if is_device(place):
            yield DEVICE, place
        if is_way_in(place):
            yield WAY_IN, place


def _of_words(module: str, short: str, beside: TaskContext, protected: Protected) -> Iterator[tuple[str, str]]:
    arguments = beside.arguments
    names = [name for key in ("name", "service", "unit", "services", "path") for name in _list(arguments.get(key))]
    named = ", ".join(dict.fromkeys(names))[:MAX_NAMED]
    state = said if isinstance(said := arguments.get("state"), str) else None
    lifeline = [text for name in names for text in _filled(name, beside) if protected(text)]
    if lifeline and (
        state in ("stopped", *_AWAY) or arguments.get("enabled") is False or arguments.get("masked") is True
    ):
        yield f"stops {lifeline[0]}, which the mesh or the way in depends on", named
    elif short in _TAKES_AWAY and state in _AWAY:
        home = short == "user" and arguments.get("remove") is True
        yield what.HOME if home else _TAKES_AWAY[short], named
    elif short not in _TAKES_AWAY and module not in table().modules and short not in _COMMANDS:
        yield from _of_unknown(arguments, beside)
    if short in _TURNS_OFF:
        yield OFF, ""
    if short == "user" and _SHUT_ACCOUNT.search(f"{arguments.get('shell', '')} {arguments.get('password', '')}"):
        yield WAY_IN, named
    for where, argument, values, harm in _ALSO:
        if where == short and any(arguments.get(argument) is one or arguments.get(argument) == one for one in values):
            yield harm, named


def _of_unknown(arguments: Mapping[str, Any], beside: TaskContext) -> Iterator[tuple[str, str]]:
    """A module that only the policy allows: nobody here knows it, but its words say enough."""
    for name, value in arguments.items():
        for text in _filled(value, beside) if isinstance(value, str) else ():
            if is_device(text):
                yield what.ON_A_DEVICE, text[:MAX_NAMED]
            if what.DELETES.fullmatch(text) or text == "flush" or (name == "state" and text in _AWAY):
                yield DELETED, f"{name}={text[:MAX_NAMED]}"
        if value is True and (what.DELETES.fullmatch(name) or name in ("flush", "force")):
            yield DELETED, f"{name}=true"


def _filled(text: str, beside: TaskContext) -> list[str]:
    return [str(text)] if isinstance(text, Literal) else texts_of(text, beside.assigned)


def _text(beside: TaskContext, name: str) -> str:
    value = beside.arguments.get(name)
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
