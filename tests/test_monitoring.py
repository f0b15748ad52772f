"""docs/monitoring works as it lies there: Prometheus' and Alertmanager's own tools say so, and the register agrees."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from parts.require import require

from mesh_core.runtime.metrics import declared, services_of
from mesh_core.runtime.services import SERVICES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "monitoring"
NAMES = re.compile(r"\bmesh_[a-z0-9_]+")
LABELS = re.compile(r"(mesh_[a-z0-9_]+)\{([^}]*)\}")
ADDED = {"le", "job", "instance", "service", "node"}  # by Prometheus and the scrape configuration


def base_of(name: str) -> str:
    """The declared metric behind a sample's name."""
    return name if name in declared() else re.sub(r"_(bucket|sum|count)$", "", name)


def check(tool: str, package: str, *words: str) -> str:
    said = subprocess.run([require(tool, f"apt install {package}"), *words], cwd=FOLDER, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


@pytest.mark.slow
def test_promtool_accepts_the_rules_and_sees_each_of_them_fire_when_it_should() -> None:
    check("promtool", "prometheus", "check", "rules", "alerts.yml")
    check("promtool", "prometheus", "test", "rules", "alerts_test.yml")
    rules = [
        rule["alert"] for g in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in g["rules"]
    ]
    tests = (FOLDER / "alerts_test.yml").read_text()
    assert [name for name in rules if name not in tests] == []


@pytest.mark.slow
def test_a_rule_that_never_fires_would_be_noticed(tmp_path: Path) -> None:
    """The test above can fail: with one threshold moved out of reach it does."""
    for file in ("alerts.yml", "alerts_test.yml"):
        shutil.copy(FOLDER / file, tmp_path)
    rules = tmp_path / "alerts.yml"
    rules.write_text(rules.read_text().replace("mesh_spool_events > 100", "mesh_spool_events > 100000"))
    promtool = require("promtool", "apt install prometheus")
    said = subprocess.run([promtool, "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode != 0


def test_the_examples_are_whole_configurations() -> None:
    check("promtool", "prometheus", "check", "config", "prometheus.yml")
    check("amtool", "prometheus-alertmanager", "check-config", "alertmanager.yml")
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    assert {target["labels"]["service"] for target in scraped} == set(SERVICES)


def test_every_alert_says_what_to_do() -> None:
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("warning", "error", "critical")
            assert len(rule["annotations"]["summary"]) > 20
            assert len(rule["annotations"]["action"]) > 20


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    return loaded


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def test_the_dashboard_is_one_that_grafana_lays_out(dashboard: dict[str, Any]) -> None:
    assert (dashboard["title"], dashboard["uid"]) == ("Mendmesh", "mendmesh")
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) > 20
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["datasource"]["uid"] == "${datasource}"


def test_every_expression_of_the_dashboard_is_one_that_prometheus_reads(
    dashboard: dict[str, Any], tmp_path: Path
) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(expressions(dashboard))
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    check("promtool", "prometheus", "check", "rules", str(file))


def test_every_metric_that_is_shown_or_watched_is_declared_with_these_labels(dashboard: dict[str, Any]) -> None:
    texts = [*expressions(dashboard), (FOLDER / "alerts.yml").read_text(), (FOLDER / "alerts_test.yml").read_text()]
    for text in texts:
        for name in NAMES.findall(text):
            assert base_of(name) in declared(), name
        for name, inside in LABELS.findall(text):
            labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!=|!~|=)", inside))
            assert labels <= {*declared()[base_of(name)].labels, *ADDED}, (name, labels)


def test_the_list_names_every_metric_and_who_shows_it() -> None:
    listed = (FOLDER / "README.md").read_text()
    for name in declared():
        assert f"`{name}`" in listed, name
        row = next(line for line in listed.splitlines() if f"`{name}`" in line)
        for service in services_of(name):
            assert service in row or "all" in row, (name, service)
