"""Checks of the inventory: is it one, is this node in it, and does somebody listen where Ansible would go.

Only opens a TCP connection and closes it: no login, no Ansible.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mend.doctor.finding import Finding, broken, ok, warning
from mend.text import plain
from mesh_core.policy.inventory import Inventory, InventoryError

CONNECT_SECONDS = 3.0
MAX_HOSTS = 200
OVER_TCP = frozenset({"ssh", "smart", "paramiko", "ansible.builtin.ssh"})


async def check_hosts(path: Path, node: str) -> list[Finding]:
    """The inventory, this node, and each of its first 200 hosts."""
    try:
        inventory = Inventory.load(path)
    except InventoryError as error:
        return [broken("inventory", plain(error, 400), "until then nothing can be run")]
    findings = [ok("inventory", f"{len(inventory.hosts)} host(s) in {path}")]
    if not inventory.is_host(node):
        fix = f"add {node} under hosts: in {path}, or set NODE_NAME to the name that it has there"
        findings.append(warning("inventory", f"this node ({node}) is not in it: nothing can be repaired here", fix))
    variables = host_variables(inventory.text)
    some = sorted(inventory.hosts)[:MAX_HOSTS]
    findings += await asyncio.gather(*(_reach(host, variables.get(host, {})) for host in some))
    return findings


def host_variables(text: bytes) -> dict[str, dict[str, Any]]:
    """Each host's own variables over those of its groups, as far as reaching it goes (no templates, no vault)."""
    found: dict[str, dict[str, Any]] = {}
    for host, variables in _walk(yaml.load(text, Loader=_Lenient), {}):  # noqa: S506 - a SafeLoader that skips tags
        found[host] = {**found.get(host, {}), **variables}
    return found


def _walk(groups: Any, above: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for body in (groups or {}).values():
        if not isinstance(body, dict):
            continue
        here = {**above, **(body.get("vars") or {})}
        for host, variables in (body.get("hosts") or {}).items():
            yield str(host), {**here, **(variables or {})}
        yield from _walk(body.get("children"), here)


async def _reach(host: str, variables: dict[str, Any]) -> Finding:
    check = f"host {host}"
    connection = str(variables.get("ansible_connection", "ssh"))
    if connection in ("local", "ansible.builtin.local"):
        return ok(check, "is this machine (ansible_connection: local)")
    if connection not in OVER_TCP:
        return ok(check, f"not looked at: ansible_connection is {plain(connection, 40)}")
    address = str(variables.get("ansible_host", host))
    try:
        port = int(variables.get("ansible_port", 22))
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, ValueError, TimeoutError, UnicodeError) as error:
        why = plain(error, 120) or f"no answer within {CONNECT_SECONDS:g} s"
        fix = "is it on, is sshd running, are ansible_host and ansible_port right?"
        return warning(
            check, f"{plain(address, 80)}:{plain(variables.get('ansible_port', 22), 20)} cannot be reached: {why}", fix
        )
    writer.close()
    return ok(check, f"{plain(address, 80)}:{port} answers")


class _Lenient(yaml.SafeLoader):
    """Safe YAML; Ansible's tags (!vault, !unsafe) are passed over."""


_Lenient.add_multi_constructor("!", lambda loader, suffix, node: None)
