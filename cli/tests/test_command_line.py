"""The command line as a whole: what each command loads, the list of commands, and a mesh that is not there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mend_rig import Mend

from mend.app import COMMANDS
from mend.context import read_context
from mesh_core.runtime.version import VERSION
from mesh_core.testing import free_port

ROOT = Path(__file__).parents[2]
# What takes long to import. Each command may load what it works with, and nothing else of this.
HEAVY = frozenset(
    {
        *("pydantic", "redis", "asyncio", "structlog", "rich", "markdown_it", "pygments", "yaml", "jinja2", "argon2"),
        *("psutil", "supervisor", "httpx", "anthropic", "ollama", "apprise", "tarfile", "watchfiles", "jsonschema"),
    }
)
FILES = {"pydantic", "rich", "yaml"}  # yaml: what reads a proposal knows the playbooks of each action
REDIS = {"redis", "asyncio", "structlog", "pygments"}
LOADS = {
    "": set(),
    "--help": set(),
    "--version": set(),
    "nonsense": {"pydantic"},  # typer itself
    "pending": FILES | REDIS,
    "show --help": set(),
    "policy explain -h": {"pydantic"},  # typer itself, in a group
    "approve nobody": FILES,
    "reject nobody --reason no": FILES,
    "retry nobody": FILES,
    "undo nobody": FILES,
    "history": FILES,
    "silences": FILES | {"asyncio", "structlog", "pygments"},
    "migrate --dry-run": FILES,
    "audit show": FILES | {"asyncio"},
    "show nobody": FILES | {"asyncio"},
    "edit nobody": FILES,
    "users list": FILES | {"argon2"},
    "status": FILES | REDIS,
    "deadletters": FILES | REDIS,
}


@pytest.mark.parametrize("words", LOADS)
def test_a_command_loads_nothing_that_it_does_not_use(mend: Mend, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mend", *words.split()],
        env={**os.environ, **mend.environ},
        cwd=mend.runtime,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert "typer" in loaded, done.stderr
    assert loaded & HEAVY <= LOADS[words]


def test_the_list_of_commands_says_of_each_what_its_own_help_says() -> None:
    for entry in COMMANDS.values():
        whole = entry.load().help
        assert entry.listed().help == " ".join(whole.split("\n\n")[0].split()), entry.name
        assert len(entry.listed().help) > 20


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_that_imports_nothing_says_the_same_as_the_command_itself(name: str) -> None:
    assert _helps(COMMANDS[name].described()) == _helps(COMMANDS[name].load())


def _helps(command: Any) -> list[str]:
    ctx = command.make_context(command.name, [], resilient_parsing=True)
    return [command.get_help(ctx), *(text for one in getattr(command, "commands", {}).values() for text in _helps(one))]


def test_the_help_lists_every_command_and_each_has_a_help_of_its_own(mend: Mend) -> None:
    listed = mend("--help")
    assert listed.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in listed.stdout
        own = mend(name, "-h")
        assert (own.exit_code, f"Usage: root {name} " in own.stdout) == (0, True), own.output


def test_the_readme_has_a_line_for_every_command() -> None:
    readme = (ROOT / "cli" / "README.md").read_text()
    assert [name for name in COMMANDS if not re.search(rf"`mend {name}\b", readme)] == []


def test_the_version_is_said(mend: Mend) -> None:
    done = mend("--version")
    assert (done.exit_code, done.stdout) == (0, f"mend {VERSION}\n")


@pytest.mark.parametrize(
    "words",
    [
        *(
            "pending",
            "pending --json",
            "show x",
            "approve x",
            "reject x --reason no",
            "reject x --reason -h",
            "edit x",
            "retry x",
            "undo x",
            "history",
        ),
        *("status", "status --json", "silences", "unsilence x", "snooze x --for 1h", "ack pi4", "page", "reindex"),
        *("maintenance pi4 --for 1h --reason disk", "audit show", "audit verify", "backup", "migrate", "users list"),
    ],
)
def test_a_command_about_a_mesh_that_is_not_there_says_where_it_looked(tmp_path: Path, words: str) -> None:
    nowhere = tmp_path / "nowhere"
    mend = Mend(nowhere, {"RUNTIME_PATH": str(nowhere), "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    done = mend(*words.split())
    assert (done.exit_code, str(nowhere) in done.output.replace("\n", "")) == (3, True), done.output
    assert not nowhere.exists()


def test_which_mesh_is_meant_does_not_depend_on_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    meant = set()
    for here in (ROOT, ROOT / "docs", ROOT / "services" / "observer"):
        monkeypatch.chdir(here)
        meant.add(read_context({}).runtime)
    assert len(meant) == 1


def test_the_dotenv_of_the_checkout_counts_unless_this_folder_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mend.context.checkout", lambda: tmp_path)
    (tmp_path / ".env").write_text("RUNTIME_PATH=/srv/mesh\n")
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
    (own / ".env").write_text("RUNTIME_PATH=/srv/own\n")
    for here, runtime in ((tmp_path, "/srv/mesh"), (other, "/srv/mesh"), (own, "/srv/own")):
        monkeypatch.chdir(here)
        assert read_context({}).runtime == Path(runtime)
