"""Who is logged in on this host, and what of it they have in hand: a program on a terminal that changes things, and
names the thing in trouble. Pure but for the time of a terminal's last key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mesh_core.incidents.at_work import Work, WorkKind
from node_agent.checks.evidence import clean_text
from node_agent.work.deployments import composes, is_of_project
from node_agent.work.host import HostSnapshot, Process, last_key
from node_agent.work.subject import Subject

IDLE_SECONDS = 900.0
MOST_PARENTS = 8
_DOORS = frozenset({"sshd", "sshd-session", "dropbear", "mosh-server", "tailscaled"})
# What changes things: editors, and what speaks to a manager. Who only reads a log holds nothing.
_HANDS = frozenset(
    {
        *("vi", "vim", "nvim", "nano", "emacs", "micro", "joe", "mcedit", "hx", "kak", "ed", "vim.basic", "vim.tiny"),
        *("docker", "podman", "nerdctl", "docker-compose", "podman-compose"),
        *("systemctl", "service", "rc-service", "supervisorctl", "machinectl"),
    }
)
_READING = frozenset({"logs", "stats", "events", "inspect", "top", "ps", "status", "show", "cat", "attach", "wait"})


def people_at(root: Path, sight: HostSnapshot, subject: Subject, now: float) -> Iterator[Work]:
    """Those who did something within a quarter of an hour; `root`: where the host's files are seen."""
    busy: dict[str, list[Process]] = {}
    for process in sorted(sight.processes, key=lambda one: one.started):
        if process.terminal and not process.nested and not _is_idle(root, process, now):
            busy.setdefault(process.terminal, []).append(process)
    for terminal, processes in busy.items():
        first = processes[0]
        who = clean_text(sight.users.get(first.user_id, f"user {first.user_id}"), 40)
        if hand := next((one for one in processes if _changes_it(one, subject)), None):
            yield Work(WorkKind.PERSON, f"{who} ({hand.words[0]} on {terminal})", hand.started)
        elif any(_came_in(one.pid, sight.names) for one in processes):
            yield Work(WorkKind.LOGIN, f"{who} has been logged in over ssh on {terminal}", first.started)


def _changes_it(process: Process, subject: Subject) -> bool:
    name, *rest = process.words
    if name not in _HANDS or not _READING.isdisjoint(rest[:3]):
        return False
    if composes(process.words) and not is_of_project(process, subject.project):
        return False  # a service of that name in another project
    paths = (f"{process.folder}/{word}" if "." in word and not word.startswith(("/", "-")) else word for word in rest)
    return subject.is_named_in(paths)


def _came_in(pid: int, names: Mapping[int, tuple[str, int]]) -> bool:
    """Is one of its parents a door to this host?"""
    for _ in range(MOST_PARENTS):
        name, pid = names.get(pid, ("", 0))
        if name in _DOORS:
            return True
    return False


def _is_idle(root: Path, process: Process, now: float) -> bool:
    """Where nobody can tell, whoever came within that time is taken for busy."""
    typed = last_key(root, process.terminal)
    return now - max(process.started, typed or 0.0) > IDLE_SECONDS
