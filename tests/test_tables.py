"""Plain files say what the table of services and the settings classes say: `make tables` writes them."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from mesh_core.runtime.services import SERVICES
from mesh_core.runtime.settings import BadSettings, MeshSettings, read_settings, table_rows

ROOT = Path(__file__).parents[1]
KEYS = [
    *("name", "version", "description", "module", "replicas", "privileges", "listens", "publishes"),
    *("settings", "needs", "health", "stop_seconds", "risk", "rollback"),
]


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "tables.py"))


def test_every_file_has_what_the_tables_say(tables: dict[str, Any]) -> None:
    written: Callable[[Path], dict[Path, str]] = tables["written"]
    assert not [path for path, text in written(ROOT).items() if path.read_text() != text], (
        "write them anew: make tables"
    )
    marks = [mark[1] for name in tables["MARKED_FILES"] for mark in tables["MARKED"].findall((ROOT / name).read_text())]
    assert sorted(marks) == sorted(tables["TEXTS"]), "a mark was lost, or stands twice"


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_file_agrees_with_the_code(service: str, tables: dict[str, Any]) -> None:
    folder = ROOT / "services" / service
    said = yaml.safe_load((folder / "service.yaml").read_text())
    assert list(said) == KEYS
    assert said["name"] == service
    assert (folder / "src" / said["module"] / "__main__.py").is_file()
    assert (folder / said["health"]).is_file()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert said["version"] == project["version"]
    variables = {variable for cls in tables["settings_of"](service) for variable, _, _ in table_rows(cls)}
    assert sorted(said["settings"]) == sorted(variables)
    assert variables >= {variable for variable, _, _ in table_rows(MeshSettings)}


def test_every_setting_is_described(tables: dict[str, Any]) -> None:
    assert not [variable for _, variable, _, text in tables["settings_rows"]() if len(text) < 10]


@pytest.mark.parametrize("service", SERVICES)
def test_what_cannot_be_a_setting_is_told_in_words_not_as_a_pattern(service: str, tables: dict[str, Any]) -> None:
    told = []
    for cls in tables["settings_of"](service):
        for variable, _, _ in table_rows(cls):
            for value in ("?? no\u00e9", "-7.5e40", "http//x y", "x" * 5000):
                try:
                    read_settings(cls, {variable: value})
                except BadSettings as error:
                    told.append(str(error))
    assert len(told) >= len(table_rows(MeshSettings))  # a service without settings of its own has those
    assert all(re.match(r"[A-Z_]+(=\S.*: | needs )\S", one, re.DOTALL) for one in told)
    assert not [one for one in told if re.search(r"pattern|Input|String|validation| a valid ", one)]


@pytest.mark.parametrize("service", SERVICES)
def test_a_number_that_no_clock_and_no_calendar_can_hold_is_refused_at_the_start(
    service: str, tables: dict[str, Any]
) -> None:
    for cls in tables["settings_of"](service):
        for name, field in cls.model_fields.items():
            if {float, int} & {field.annotation, *get_args(field.annotation)}:
                with pytest.raises(BadSettings, match=field.alias or name):
                    read_settings(cls, {field.alias or name: "9" * 18})
