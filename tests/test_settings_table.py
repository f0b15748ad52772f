"""docs/settings.md and .env.example say what the settings classes say. `WRITE_SETTINGS=1 pytest` writes both anew."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from executor_agent.settings import ExecutorSettings
from mesh_core.llm.settings import ChainSettings
from mesh_core.notifications.notifier import TargetSettings
from mesh_core.runtime.settings import MeshSettings, WatchedSettings, secret_variables, table_rows
from node_agent.__main__ import NodeAgentSettings
from observer.settings import ObserverSettings
from planner_agent.settings import PlannerSettings

ROOT = Path(__file__).parents[1]
MARKS = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)
GROUPS = {
    "every service": MeshSettings,
    "all but the observer": WatchedSettings,
    "planner-agent": PlannerSettings,
    "planner-agent, the models": ChainSettings,
    "executor-agent": ExecutorSettings,
    "observer": ObserverSettings,
    "executor-agent and observer": TargetSettings,
    "node-agent": NodeAgentSettings,
}


def rows() -> list[tuple[str, str, str, str]]:
    """(service, variable, default, description), each variable once."""
    seen: set[str] = set()
    found = []
    for group, cls in GROUPS.items():
        for variable, default, description in table_rows(cls):
            if variable not in seen:
                seen.add(variable)
                found.append((group, variable, default, description))
    return found


def table() -> str:
    lines = ["| variable | default | for | |", "|---|---|---|---|"]
    lines += [f"| {v} | {d or 'empty'} | {g} | {text} |" for g, v, d, text in rows()]
    return "\n".join(lines) + "\n"


def example() -> str:
    lines = ["# Every setting with its default. Copy to .env and take the # away where you want another value."]
    group = ""
    secrets = {variable for cls in GROUPS.values() for variable in secret_variables(cls)}
    for service, variable, default, text in rows():
        if service != group:
            lines += ["", f"# -- {service}"]
            group = service
        shown = "" if default in ("unset", "the host's name", "./var or /opt/homelab") else default
        lines += [f"# {text}", f"#{variable}={shown}"]
        if variable in secrets:
            lines.append(f"#{variable}_FILE=")
    return "\n".join(lines) + "\n"


def test_the_page_of_settings_lists_every_setting() -> None:
    page = ROOT / "docs/settings.md"
    if os.environ.get("WRITE_SETTINGS"):
        page.write_text(MARKS.sub(lambda m: m[1] + table() + m[2], page.read_text()))
    assert table() in page.read_text(), (
        "write it anew with: WRITE_SETTINGS=1 python -m pytest tests/test_settings_table.py"
    )


def test_the_example_lists_every_setting() -> None:
    path = ROOT / ".env.example"
    if os.environ.get("WRITE_SETTINGS"):
        path.write_text(example())
    assert path.read_text() == example(), (
        "write it anew: WRITE_SETTINGS=1 python -m pytest tests/test_settings_table.py"
    )


SERVICES = {
    "planner-agent": (PlannerSettings, ChainSettings),
    "executor-agent": (ExecutorSettings, TargetSettings),
    "observer": (ObserverSettings, TargetSettings),
    "node-agent": (NodeAgentSettings,),
}
KEYS = [
    *("name", "version", "description", "module", "replicas", "privileges", "listens", "publishes"),
    *("settings", "needs", "health", "stop_seconds", "risk", "rollback"),
]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_service_file_agrees_with_the_code(service: str) -> None:
    folder = ROOT / "services" / service
    said = yaml.safe_load((folder / "service.yaml").read_text())
    assert list(said) == KEYS
    assert said["name"] == service
    assert (folder / "src" / said["module"] / "__main__.py").is_file()
    assert (folder / said["health"]).is_file()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert said["version"] == project["version"]
    variables = dict.fromkeys(v for cls in SERVICES[service] for v, _, _ in table_rows(cls))
    assert sorted(said["settings"]) == sorted(variables)


def test_every_setting_is_described() -> None:
    assert not [variable for _, variable, _, text in rows() if len(text) < 10]
