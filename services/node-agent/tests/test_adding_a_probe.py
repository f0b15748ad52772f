"""The README's four steps, followed: a probe's own file and one line in the table make it part of the agent."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from node_agent.containers.image_history import ImageHistory
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.probe_base.probe import DefaultProbeOptions
from node_agent.probe_config import ProbeConfigError, read_probe_config
from node_agent.probe_factory import create_probes
from node_agent.probe_table import PROBES

README = Path(__file__).parents[1] / "README.md"


def block(language: str) -> str:
    """The one code block of that language in the README's chapter."""
    chapter = README.read_text().split("## Add a probe", 1)[1].split("\n## ", 1)[0]
    (text,) = re.findall(rf"```{language}\n(.*?)```", chapter, re.DOTALL)
    return str(text)


@pytest.fixture
def backlog(tmp_path: Path) -> Iterator[ModuleType]:
    """Step 1: `probes/backlog.py`, as the README has it."""
    path = tmp_path / "backlog.py"
    path.write_text(block("python"))
    spec = importlib.util.spec_from_file_location("node_agent.probes.backlog", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def table(backlog: ModuleType) -> dict[str, Any]:
    """Step 2: its line."""
    return {**PROBES, "backlog": backlog.BacklogOptions}


async def test_its_options_are_read_and_its_results_become_events(
    tmp_path: Path, table: dict[str, Any], watching: Any
) -> None:
    files = tmp_path / "incoming"
    files.mkdir()
    config_file = tmp_path / "node.yml"
    every = [name for name, options in PROBES.items() if issubclass(options, DefaultProbeOptions)]
    others = "".join(f"{name}: {{enabled: false}}\n" for name in every)
    step_3 = block("yaml").replace("/srv/incoming", str(files)).replace("every_seconds: 60", "every_seconds: 0.1")
    config_file.write_text(f"{others}{step_3}")
    config = read_probe_config(config_file, table)

    (probe,) = create_probes(
        config, "unix:///nowhere.sock", 0.0, IncidentTracker("n1"), lambda name: {}, ImageHistory()
    )
    async with watching(probe) as watched:
        for number in range(30):
            (files / str(number)).touch()
        event = await watched.see(None, "node_online", "backlog_high")
        assert event.payload["files"] == 30
        for path in files.iterdir():
            path.unlink()
        await watched.see(None, "node_online", "backlog_high", "service_recovered")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backlog: {}", ["backlog.folder: is required"]),
        ("backlog: {folder: /srv, hight: 3}", ["backlog.hight: no such key", "folder", "high"]),
        ("backlog: {folder: /srv, high: many}", ["backlog.high='many'"]),
        ("backlogg: {}", ["backlogg: no such key", "docker", "backlog"]),
    ],
)
def test_an_error_in_its_options_names_the_key(
    tmp_path: Path, table: dict[str, Any], text: str, words: list[str]
) -> None:
    config_file = tmp_path / "node.yml"
    config_file.write_text(text)
    with pytest.raises(ProbeConfigError) as caught:
        read_probe_config(config_file, table)
    for word in words:
        assert word in str(caught.value)


def test_without_its_section_and_without_its_line_there_is_no_such_probe(tmp_path: Path, table: dict[str, Any]) -> None:
    none = read_probe_config(tmp_path / "none.yml", table)
    assert not [options for options in none.probes if isinstance(options, table["backlog"])]
    config_file = tmp_path / "node.yml"
    config_file.write_text("backlog: {folder: /srv}")
    with pytest.raises(ProbeConfigError, match="backlog: no such key"):
        read_probe_config(config_file)


def test_every_probe_has_one_file_of_its_own_which_only_the_table_imports() -> None:
    source = Path(sys.modules["node_agent.probe_table"].__file__ or "").parent
    files = {path.stem for path in (source / "probes").glob("*.py")} - {"__init__"}
    assert files == set(PROBES)
    assert {name: options.__module__ for name, options in PROBES.items()} == {
        n: f"node_agent.probes.{n}" for n in files
    }
    importing = [p.name for p in source.rglob("*.py") if re.search(r"node_agent\.probes[. ]", p.read_text())]
    assert importing == ["probe_table.py"]
