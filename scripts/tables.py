"""Writes what other files must know of the services and their settings: `make tables`. Changes nothing that is right.

A service is a line in mesh_core/runtime/services.py and a settings class in its own folder. What people and tools read
as a plain file gets it here: between marks (`make tables: NAME` ... `make tables: end`), or as a whole (.env.example).
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mesh_core.runtime.services import OBSERVER, SERVICES, Service
from mesh_core.runtime.settings import MeshSettings, Settings, WatchedSettings, secret_variables, table_rows
from mesh_core.security.permissions import Group

MARKED = re.compile(r"(?ms)^([^\n]*make tables: (\w+)[^\n]*\n).*?^([^\n]*make tables: end[^\n]*\n)")
EXAMPLE = ".env.example"
MARKED_FILES = (
    ".dockerignore",
    "core/src/mesh_core/policy/default_policy.yml",
    "docs/contract.md",
    "docs/monitoring/prometheus.yml",
    "docs/settings.md",
    "pyproject.toml",
    "scripts/image/trim.sh",
)
SHOWN_ELSEWHERE = ("unset", "the host's name", "./var or /opt/homelab")  # as defaults: words, no values


def _users() -> str:
    table = sorted(SERVICES.values(), key=lambda service: service.user)
    people = "".join(
        f"{s.user_name}:x:{s.user:d}:{Group.MENDMESH:d}:Mendmesh {s.name}:{s.home}:/usr/sbin/nologin\n" for s in table
    )
    approve = ",".join(service.user_name for service in table if service.approves)
    groups = f"operators:x:{Group.OPERATORS:d}:{approve}\nmendmesh:x:{Group.MENDMESH:d}:\n"
    return f"cat >>/etc/passwd <<'USERS'\n{people}USERS\ncat >>/etc/group <<'GROUPS'\n{groups}GROUPS\n"


def _targets() -> str:
    def target(service: Service) -> str:
        more = ", node: this-host} # one for each node" if service.on_each_node else "}"
        return f'      - targets: ["127.0.0.1:{service.port}"]\n        labels: {{service: {service.name}{more}\n'

    return "".join(map(target, _by_port()))


def _ports() -> str:
    return f"Ports: {', '.join(f'{service.port} ({service.name})' for service in _by_port())}.\n"


def _by_port() -> list[Service]:
    return sorted(SERVICES.values(), key=lambda service: service.port)


def _never() -> str:
    names = dict.fromkeys(name for service in SERVICES.values() for name in (service.name, service.module))
    return f"             {', '.join(names)},\n"


def _sources() -> str:
    return "".join(f'    "services/{service.name}/src",\n' for service in SERVICES.values())


def _sources_of_images() -> str:
    parts = ("src", "requirements.lock", "healthcheck.sh")
    return "".join(f"!services/{service.name}/{part}\n" for service in SERVICES.values() for part in parts)


def _packages() -> str:
    return "".join(f'    "{service.module}",\n' for service in SERVICES.values())


def _layer() -> str:
    return f'    "{" | ".join(service.module for service in SERVICES.values())}",\n'


def settings_of(service: str) -> list[type[Settings]]:
    """The classes that its `__main__` reads."""
    main = importlib.import_module(f"{SERVICES[service].module}.__main__")
    return [found for found in vars(main).values() if isinstance(found, type) and issubclass(found, Settings)]


def settings_rows() -> list[tuple[str, str, str, str]]:
    """(who reads it, variable, default, description), each variable once: what all read first."""
    readers: dict[str, list[str]] = {}
    row_of = {row[0]: row for cls in (MeshSettings, WatchedSettings) for row in table_rows(cls)}
    for service in SERVICES:
        for row in dict.fromkeys(row for cls in settings_of(service) for row in table_rows(cls)):
            row_of.setdefault(row[0], row)
            readers.setdefault(row[0], []).append(service)
    return [(_who(readers[variable]), variable, default, text) for variable, default, text in row_of.values()]


def _who(readers: list[str]) -> str:
    if len(readers) == len(SERVICES):
        return "every service"
    if set(SERVICES) - set(readers) == {OBSERVER}:
        return f"all but the {OBSERVER}"
    return " and ".join(readers)


def _settings() -> str:
    rows = [
        f"| {variable} | {default or 'empty'} | {who} | {text} |" for who, variable, default, text in settings_rows()
    ]
    return "\n".join(("| variable | default | for | |", "|---|---|---|---|", *rows)) + "\n"


def _example() -> str:
    secrets = {variable for name in SERVICES for cls in settings_of(name) for variable in secret_variables(cls)}
    groups: dict[str, list[str]] = {}
    for who, variable, default, text in settings_rows():
        lines = groups.setdefault(who, ["", f"# -- {who}"])
        lines += [f"# {text}", f"#{variable}={'' if default in SHOWN_ELSEWHERE else default}"]
        lines += [f"#{variable}_FILE="] if variable in secrets else []
    first = "# Every setting with its default. Copy to .env and take the # away where you want another value."
    return "\n".join((first, *(line for lines in groups.values() for line in lines))) + "\n"


TEXTS: Mapping[str, Callable[[], str]] = {
    "layer": _layer,
    "never": _never,
    "packages": _packages,
    "ports": _ports,
    "settings": _settings,
    "sources": _sources,
    "sources_of_images": _sources_of_images,
    "targets": _targets,
    "users": _users,
}


def written(root: Path) -> dict[Path, str]:
    """The files that have something of the tables, and what should stand in them. KeyError for a mark of no table."""
    marked = {
        root / path: MARKED.sub(lambda m: m[1] + TEXTS[m[2]]() + m[3], (root / path).read_text())
        for path in MARKED_FILES
    }
    return {**marked, root / EXAMPLE: _example()}


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for path, text in written(root).items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
