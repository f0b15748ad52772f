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

Words = Annotated[
    str | None,
    typer.Argument(help="What should be, in words; - reads it from standard input. With --answer: the request's ID."),
]
Message = Annotated[str | None, typer.Option("--message", help="The same as TEXT.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="A host or group of config/inventory.yml; repeat it for several."),
]
Limit = Annotated[
    list[str] | None, typer.Option("--limit", help="Of these hosts only that host or group; repeat it for several.")
]
Name = Annotated[str | None, typer.Option(help="What its playbook is called; by default by the first words.")]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", help="A text that the words name, of at most 64 KiB; repeat it for several."),
]
ExtraVars = Annotated[
    str, typer.Option(metavar="JSON", help="Variables of the play for templates, such as '{\"http_port\": 8080}'.")
]
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
Answers = Annotated[
    list[str] | None,
    typer.Option("--answer", metavar="SLOT=VALUE", help="Answer a question of the request ID; repeat it for several."),
]
Cancel = Annotated[bool, typer.Option("--cancel", help="The request ID asks, and is not wanted any more.")]
WithPreview = Annotated[
    bool, typer.Option("--preview", help="Ask each host in check mode what would change there, as mend preview does.")
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Show the playbook, follow until its runs have ended, show their output.")
]
Timeout = Annotated[float, typer.Option(help="With --wait: seconds to follow at most.", min=1)]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Ask the observer there, such as http://127.0.0.1:8686, and nothing on this machine."
    ),
]
TokenFile = Annotated[
    Path | None, typer.Option(help="With --base-url: a file with the token of somebody who may decide.")
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
