"""Checks of the inventory: is it one, is this node in it, and does somebody listen where a run would go.

Asks ssh where that is, as a run does, then opens a TCP connection and closes it: no login, no Ansible.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mend.doctor.finding import Finding, broken, ok, warning
from mend.output.text import plain
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.connection import (
    Connection,
    ConnectionKind,
    ask_ssh,
    config_options,
    connection_of,
    filled_in,
    jump_hosts,
)

CONNECT_SECONDS = 3.0
MAX_HOSTS = 200
MAX_TOLD = 20  # hosts that cannot be used, and lines that mean nothing: of each
ASKED_AT_ONCE = 8


async def check_hosts(path: Path, node: str) -> list[Finding]:
    """The inventory, this node, and each of its first 200 hosts."""
    try:
        inventory = Inventory.load(path)
    except InventoryError as error:
        return [broken("inventory", plain(error, 400), "until then nothing can be run")]
    beside = f", {len(inventory.files)} file(s) in group_vars/ and host_vars/" if inventory.files else ""
    findings = [ok("inventory", f"{len(inventory.hosts)} host(s) in {path}{beside}")]
    fix = "until then nothing can be run on this host; the others are not touched by it"
    findings += [warning("inventory", plain(why, 400), fix) for why in list(inventory.refused.values())[:MAX_TOLD]]
    findings += [
        warning("inventory", plain(note, 400), "correct it or take it out") for note in inventory.notes[:MAX_TOLD]
    ]
    if not inventory.is_host(node):
        problem = plain(inventory.problem_with(node), 300)
        fix = f"add {node} under hosts: in {path}, or set NODE_NAME to the name that it has there"
        findings.append(warning("inventory", f"this node ({node}) cannot be repaired: {problem}", fix))
    some, slots = sorted(inventory.hosts)[:MAX_HOSTS], asyncio.Semaphore(ASKED_AT_ONCE)
    findings += await asyncio.gather(*(_reach(host, inventory.variables_of(host), slots) for host in some))
    return findings


async def _reach(host: str, variables: Mapping[str, Any], slots: asyncio.Semaphore) -> Finding:
    check = f"host {host}"
    connection = connection_of(host, filled_in(host, variables))
    if connection.is_template:
        return ok(check, "not looked at: how it is reached is a template, which only a run fills in")
    if connection.kind is ConnectionKind.LOCAL:
        return ok(check, "is this machine (ansible_connection: local)")
    if connection.kind is not ConnectionKind.SSH:
        return ok(check, f"not looked at: ansible_connection is {plain(connection.name, 40)}")
    async with slots:
        address, port, way = await asyncio.to_thread(_destination, connection, variables)
        if not address:
            return ok(check, f"not looked at: {way}")
        where = f"{plain(address, 80)}:{plain(port, 20)}{way}"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(address, int(port))
        except (OSError, ValueError, TimeoutError, UnicodeError) as error:
            why = plain(error, 120) or f"no answer within {CONNECT_SECONDS:g} s"
            fix = "is it on, is sshd running, are ansible_host and ansible_port (or ~/.ssh/config) right?"
            return warning(check, f"{where} cannot be reached: {why}", fix)
        writer.close()
    return ok(check, f"{where} answers")


def _destination(connection: Connection, variables: Mapping[str, Any]) -> tuple[str, str, str]:
    """(address, port, words) of the first machine that ssh goes to; no address where only a program knows the way."""
    answer = ask_ssh(connection.address, connection.options, os.environ)
    if not answer:
        return connection.address, str(variables.get("ansible_port", 22)), ""
    if jumps := jump_hosts(answer):
        hop = ask_ssh(jumps[0], config_options(connection.options), os.environ)
        return _first(hop, "hostname"), _first(hop, "port"), f" (the way to {plain(_first(answer, 'hostname'), 80)})"
    if _first(answer, "proxycommand") not in ("", "none"):
        return "", "", "ssh reaches it through a ProxyCommand"
    return _first(answer, "hostname"), _first(answer, "port"), ""


def _first(answer: Mapping[str, list[str]], name: str) -> str:
    return answer.get(name, [""])[0]
