"""Is somebody deploying this container just now: a compose command of its project, a command about it, a pull of its
image? Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from node_agent.work.host import Process
from node_agent.work.subject import Subject

_ENGINES = ("docker", "podman", "nerdctl")
_COMPOSERS = ("docker-compose", "podman-compose")
CLIENTS = frozenset({*_ENGINES, *_COMPOSERS})
_COMPOSE_VERBS = frozenset({"up", "down", "pull", "stop", "start", "restart", "create", "rm", "kill"})
_VERBS = frozenset({"pull", "load", "stop", "start", "restart", "rm", "kill", "update", "create", "rename"})
_ATTACHED = frozenset({"up", "start"})  # without a word of these it stays as long as the containers run
_DETACHED = frozenset({"-d", "--detach", "--wait", "--no-start"})
ATTACHED_SECONDS = 120.0
PULLED_SECONDS = 120.0  # from a pull to the new container: Watchtower stops the old one, and makes it anew
_PROJECT = ("-p", "--project-name")
_FOLDER = "--project-directory"
_FILE = ("-f", "--file")


def deployment_by(process: Process, subject: Subject, now: float) -> str:
    """`docker compose up`, where this process deploys that container; '' where it does not."""
    words = process.words
    if not subject.container or not words or words[0] not in CLIENTS:
        return ""
    by_compose = composes(words)
    verb = next((word for word in words[1:] if word in (_COMPOSE_VERBS if by_compose else _VERBS)), "")
    if not verb or (by_compose and verb in _ATTACHED and _is_attached(process, now)):
        return ""
    if by_compose:
        return f"docker compose {verb}" if is_of_project(process, subject.project) else ""
    return f"{words[0]} {verb}" if _names_it(words, subject) else ""


def pulled_at(events: Sequence[Any], image: str, made_at: float) -> float:
    """When that image was pulled last, if its container is older; 0 for never. `events` are the engine's."""
    times = [_time(event) for event in events if isinstance(event, dict) and _pulled(event) == _tagged(image)]
    return max((at for at in times if at > made_at), default=0.0)


def _is_attached(process: Process, now: float) -> bool:
    return not _DETACHED & {*process.words} and now - process.started > ATTACHED_SECONDS


def composes(words: Sequence[str]) -> bool:
    """Is this a command about a compose project?"""
    return words[0] in _COMPOSERS or (words[0] in _ENGINES and "compose" in words[1:])


def is_of_project(process: Process, project: str) -> bool:
    """By its name, else by the folder that names it; where that may not be known it may be any."""
    if not project:
        return False
    words = process.words
    if named := _after(words, _PROJECT):
        return named == project
    file = _after(words, _FILE)
    folder = _after(words, (_FOLDER,)) or (str(PurePath(process.folder, file).parent) if file else process.folder)
    return not folder or re.sub(r"[^a-z0-9_-]", "", PurePath(folder).name.lower()) == project


def _names_it(words: Sequence[str], subject: Subject) -> bool:
    return any(word == subject.container or _tagged(word) == _tagged(subject.image) for word in words[1:])


def _after(words: Sequence[str], options: Sequence[str]) -> str:
    """The value of an option, in either form."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in options:
            return following
        if (name := word.partition("=")[0]) in options and name != word:
            return word.partition("=")[2]
    return ""


def _pulled(event: dict[str, Any]) -> str:
    return _tagged(str((event.get("Actor") or {}).get("ID") or event.get("id") or ""))


def _tagged(image: str) -> str:
    """With its tag, and without the registry that everybody means."""
    name = image.removeprefix("docker.io/").removeprefix("library/")
    return name if not name or ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _time(event: dict[str, Any]) -> float:
    try:
        return int(event["timeNano"]) / 1e9
    except (KeyError, TypeError, ValueError):
        return 0.0
