"""What `mend request` takes beside the words: as options of the command, and as fields of the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mend.errors import USAGE, CliError
from mend.output.text import plain
from mesh_core.models.foreign_text import decoded
from mesh_core.models.run_options import Layout, Verify
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.inventory.host_list import MAX_BYTES, HostList, read_host_list, with_host_list
from mesh_core.policy.inventory.values import Unreadable

_FILES = (".ini", ".yml", ".yaml", ".json")

AsLayout = Annotated[
    Layout, typer.Option("--layout", help="One playbook, or site.yml with a role; both inside the proposal.")
]
RoleNamed = Annotated[str | None, typer.Option("--role-name", help="With --layout role: its name, webapp by default.")]
RoleHosts = Annotated[
    list[str] | None,
    typer.Option("--role-hosts", help="With --layout role: of the hosts only that host or group; all by default."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tags", help="Only the tasks that this recipe made, such as service; a,b or repeated for several."),
]
AsVerified = Annotated[
    Verify,
    typer.Option(
        "--verify", help="all: a second run must change nothing. none: it runs once. syntax: nothing is proposed."
    ),
]
InventoryText = Annotated[
    str | None,
    typer.Option(
        "--inventory",
        metavar="HOSTS",
        help="More hosts of config/inventory.yml: a,b or a file (@file) or lines of INI; only names, users and ports.",
    ),
]
InventoryFile = Annotated[
    Path | None, typer.Option("--inventory-file", help="The same out of a file in INI, YAML or JSON.")
]
LoginUser = Annotated[
    str | None, typer.Option("--user", help="Who logs in, of those that config/policy.yml lists (requests: users).")
]
KeyNamed = Annotated[
    str | None,
    typer.Option("--ssh-key", metavar="NAME", help="The name of a key in secrets/executor-agent/keys/, never a path."),
]
ModelNamed = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="RUNG", help="Where no recipe knows the words, only that model of the chain may write tasks."
    ),
]
ModelTokens = Annotated[
    int | None,
    typer.Option("--max-tokens", "--max-token", help="Tokens of a model's answer, 256 by default.", min=64, max=4096),
]
ModelTemperature = Annotated[
    float | None, typer.Option("--temperature", help="How freely a model answers, 0.5 by default.", min=0, max=1)
]


def each_of(said: Iterable[str] | None) -> list[str]:
    """`a,b` and repeated options alike."""
    return [name.strip() for text in said or () for name in text.split(",") if name.strip()]


def with_hosts(fields: Mapping[str, Any], inventory: str | None, inventory_file: Path | None) -> dict[str, Any]:
    """The request's fields with what either of the two lists. CliError names what is wrong in it."""
    if inventory is not None and inventory_file is not None:
        raise CliError("--inventory and --inventory-file say the same; give one of them", USAGE)
    listed = _listed(inventory, inventory_file)
    return with_host_list(fields, listed) if listed else dict(fields)


def _listed(inventory: str | None, inventory_file: Path | None) -> HostList | None:
    option = "--inventory" if inventory_file is None else "--inventory-file"
    if inventory_file is None and inventory is not None:
        said = inventory.removeprefix("@")
        lines = "\n" in said or "\\n" in said or said.lstrip().startswith(("[", "{"))
        if said != inventory or (not lines and ("/" in said or said.endswith(_FILES))):
            inventory_file = Path(said)
    try:
        if inventory_file is not None:
            return read_host_list(_text(inventory_file, option), f"{option} {plain(inventory_file, 200)}")
        return read_host_list(inventory, option) if inventory is not None else None
    except Unreadable as error:
        raise CliError(plain(error, 600), USAGE) from None


def _text(path: Path, option: str) -> str:
    try:
        with path.open("rb") as handle:
            raw = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise CliError(f"{option} {plain(path, 200)}: cannot be read: {error.strerror}", USAGE) from None
    text = decoded(raw)
    if isinstance(text, Refusal):
        raise CliError(f"{option} {plain(path, 200)}: {text.reason}", USAGE)
    return text
