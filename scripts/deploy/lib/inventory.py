"""Turns `ansible-inventory --list` (stdin) into one line per host for the shell. Reads no inventory, runs nothing.

Fields are separated by the unit separator, because an empty field between tabs vanishes in a shell's `read`.
"""

from __future__ import annotations

import json
import re
import sys

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
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


def main() -> None:
    groups = json.load(sys.stdin)
    found = groups.pop("_meta", {}).get("hostvars", {})  # without the hosts that have no variables
    names = {*found, *(name for group in groups.values() for name in group.get("hosts", []))}
    for name in sorted(names):
        variables = found.get(name, {})
        if not NAME.fullmatch(name):
            print(f"{name!r} is no host name that can be deployed to", file=sys.stderr)
            raise SystemExit(2)
        fields = [name, ",".join(variables.get("mendmesh_services", NODE_AGENT_ALONE))]
        for key, default in FIELDS:
            value = str(variables.get(key, default.format(name=name)))
            if "\n" in value or "\x1f" in value or "{{" in value:
                print(f"{name}: {key} has to be a plain value on one line, not a template", file=sys.stderr)
                raise SystemExit(2)
            fields.append(value)
        fields.append("listed" if "mendmesh_services" in variables else "unset")
        print("\x1f".join(fields))


if __name__ == "__main__":
    main()
