"""A remedy tried on a host: its look, and its apply in check mode. Changes nothing there, and files nothing here.

It logs in as whoever asks, with their own keys; Ansible must be where `mend` is. Raises CliError.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mend.errors import FAILED, USAGE, CliError
from mend.output.text import plain
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.defaults import DEFAULTS_FILE, defaults
from mesh_core.storage.files import write_whole

INVENTORY_FILE = "inventory.yml"
LONGEST_SECONDS = 120.0  # of one playbook


@dataclass(frozen=True)
class TaskSeen:
    """What Ansible said of one task. `count`: of how many things it would change; `msg`: as the module gave it."""

    name: str
    status: str  # ok, changed, skipped, failed, unreachable
    count: int
    diff: str
    msg: Any


def values_given(remedy: Remedy, said: Sequence[str]) -> dict[str, Any]:
    """The params: `NAME=VALUE` as a person said it, else the default."""
    given = dict(one.partition("=")[::2] for one in said)
    if unknown := next((name for name in given if name not in remedy.params), None):
        known = ", ".join(remedy.params) or "none"
        raise CliError(f"--with {plain(unknown)}: there is no such param; there are {known}", USAGE)
    values: dict[str, Any] = {}
    for name, param in remedy.params.items():
        default = getattr(param, "default", None)
        values[name] = param.fitting(given[name]) if name in given else default
        if values[name] is None:
            why = f"{given[name]!r} does not fit" if name in given else "its event gives it, and there is none here"
            wanted = getattr(param, "fits", f"a {param.type}")
            raise CliError(f"--with {name}=VALUE: {wanted} is wanted; {plain(why)}", USAGE)
    return values


def try_out(plays: PlaybookSet, inventory: Inventory, node: str) -> tuple[list[TaskSeen], list[TaskSeen]]:
    """The tasks of the look, and of the apply in check mode; the second is empty where the look failed."""
    if find_spec("ansible") is None:
        raise CliError("Ansible is not installed where mend is; try it where the executor runs, or in a checkout")
    try:
        alone = inventory.only(node)
    except InventoryError as error:
        raise CliError(plain(error)) from None
    with tempfile.TemporaryDirectory(prefix="mend-trial-") as made:
        folder = Path(made)
        for path, content in {DEFAULTS_FILE: defaults(), INVENTORY_FILE: alone.text, **alone.files}.items():
            if isinstance(content, bytes):
                (folder / "inventory" / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_whole(folder / "inventory" / path, content, mode=0o600)
        write_whole(folder / "ansible.cfg", b"")
        look = [*_played(folder, "look", plays.look, node)]
        if any(task.status in ("failed", "unreachable") for task in look):
            return look, []
        return look, [*_played(folder, "apply", plays.apply, node)]


def _played(folder: Path, part: str, text: str, node: str) -> Iterator[TaskSeen]:
    playbook, told = folder / f"{part}.yml", folder / f"{part}.told"
    write_whole(playbook, text.encode())
    words = (str(playbook), "-i", str(folder / "inventory"), "--limit", node, "--check", "--diff")
    program = "import sys; from ansible.cli.playbook import main; sys.exit(main())"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            env={**os.environ, **_environment(folder, told)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CliError(f"the {part} was not over after {LONGEST_SECONDS:.0f} s, and was ended", FAILED) from None
    rows = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    if not rows:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CliError(f"Ansible did not play the {part}: {plain(' '.join(said[-3:]), 400)}", FAILED)
    yield from (TaskSeen(**json.loads(row)) for row in rows)


def _environment(folder: Path, told: Path) -> Mapping[str, str]:
    return {
        "MEND_TRIAL_FILE": str(told),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),  # empty: ~/.ansible.cfg does not count in a run either
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback")),
        "ANSIBLE_STDOUT_CALLBACK": "mend_trial",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOLOR": "1",
    }
