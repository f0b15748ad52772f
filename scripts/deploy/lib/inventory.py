"""The hosts of an inventory, one per line for the shell, read as the mesh reads them. Runs nothing that stands in it.

usage: inventory.py FILE. Fields are separated by the unit separator, because an empty field between tabs vanishes in a
shell's `read`. stderr has the hosts that cannot be used, each with its reason; with exit code 2, why none can be.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mesh_core.models.config_file import looks_like
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.runtime.services import SERVICES

FIELDS = (
    ("ansible_host", "{name}"),
    ("ansible_port", "22"),
    ("ansible_user", ""),
    ("ansible_ssh_private_key_file", ""),
    ("ansible_ssh_common_args", ""),
    ("ansible_connection", "ssh"),
    ("mendmesh_runtime_path", "/opt/homelab"),
)
NODE_AGENT_ALONE = ["node-agent"]
KNOWN = (*SERVICES, "all")


def main() -> None:
    try:
        inventory = Inventory.load(Path(sys.argv[1]))
    except InventoryError as error:
        raise SystemExit(_exit_with(str(error))) from None
    for name in sorted(inventory.hosts):
        print("\x1f".join(fields_of(name, inventory.variables_of(name))))
    for name, reason in sorted(inventory.refused.items()):
        print(f"{name}\x1f{reason}", file=sys.stderr)


def fields_of(name: str, variables: Mapping[str, Any]) -> list[str]:
    """Of one host: its name, its services, how it is reached, whether the inventory lists its services."""
    services = ",".join(_services_of(name, variables.get("mendmesh_services", NODE_AGENT_ALONE)))
    return [name, services, *_reached_by(name, variables), "listed" if "mendmesh_services" in variables else "unset"]


def _services_of(name: str, said: object) -> list[str]:
    """A list, or words in a text: INI has no other form, and one word is written so in YAML, too."""
    listed = re.findall(r"[^\s,\[\]'\"]+", said) if isinstance(said, str) else said
    if not isinstance(listed, list):
        raise SystemExit(_exit_with(f"{name}: mendmesh_services: write it as a list, such as [observer, node-agent]"))
    for service in map(str, listed):
        if service not in KNOWN:
            some = f"no service {service[:60]!r}; one of {', '.join(KNOWN)}{looks_like(service, KNOWN)}"
            raise SystemExit(_exit_with(f"{name}: mendmesh_services: {some}"))
    return listed


def _reached_by(name: str, variables: Mapping[str, Any]) -> Iterator[str]:
    for key, default in FIELDS:
        value = str(variables.get(key, default.format(name=name)))
        if "\n" in value or "\x1f" in value or "{{" in value:
            raise SystemExit(_exit_with(f"{name}: {key} has to be a plain value on one line, not a template"))
        yield value


def _exit_with(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
