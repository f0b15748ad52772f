"""The qualification suite: each scenario of scenarios.yml on live parts. `make qualify` runs all, with a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from parts.engine import Engine
from parts.require import missing
from qualify.live_mesh import LiveMesh, live_mesh
from qualify.scenario import Scenario, read_scenarios
from qualify.walk import Walk

SCENARIOS = read_scenarios()


def _marked(scenario: Scenario) -> Any:
    return pytest.param(scenario, id=scenario.name, marks=[] if scenario.short else [pytest.mark.qualify])


@pytest.fixture(scope="module")
def mesh(
    engine: Engine, base_image: str, sick_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveMesh]:
    if not engine.host.startswith("unix://"):
        missing("an engine with a socket on this machine", "unset DOCKER_HOST")
    folder: Path = tmp_path_factory.mktemp("qualify")
    with live_mesh(engine, {"base": base_image, "sick": sick_image}, folder) as mesh:
        yield mesh


@pytest.mark.parametrize("scenario", [_marked(scenario) for scenario in SCENARIOS])
async def test_it_goes_as_declared(
    scenario: Scenario, mesh: LiveMesh, record_property: Callable[[str, object], None]
) -> None:
    row: dict[str, Any] = {"name": scenario.name}
    record_property("qualify", row)
    await Walk(mesh, scenario, row).go()
