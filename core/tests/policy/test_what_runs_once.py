"""What prepares a thing and ends well has done what it was made for (decision 0219)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, IGNORE, RESTART, allows


@pytest.mark.parametrize("service", ["shop-migrate", "wiki_seeder_1", "db-init", "pad-setup.service"])
@pytest.mark.parametrize("told", [{"exit": 0}, {"state": "exited", "ExitCode": 0}, {**DOCKER, "exit_code": 0}])
def test_what_prepares_another_and_ended_well_troubles_nobody(service: str, told: dict[str, Any]) -> None:
    assert allows("container_exited", told, service=service, severity="warning").preferred == IGNORE
    assert IGNORE not in allows("container_exited", told, service=service, severity="error").actions


@pytest.mark.parametrize("service", ["shop", "migration-api", "seed-vault", "init-dashboard"])
def test_what_serves_and_ended_did_not_end_for_good(service: str) -> None:
    assert allows("container_exited", {"exit": 0}, service=service, severity="warning").preferred == RESTART


@pytest.mark.parametrize("told", [{"exit": 1}, {}, {"exit": 0, "state": "running"}, {"exit": 0, "restart_count": 9}])
def test_what_prepares_another_and_failed_is_told(told: dict[str, Any]) -> None:
    assert IGNORE not in allows("container_exited", told, service="shop-migrate", severity="warning").actions


def test_a_unit_of_one_run_that_succeeded_troubles_nobody() -> None:
    told = {"Type": "oneshot", "Active": "inactive (dead)", "Result": "success"}
    assert allows("unit_inactive", told, severity="warning").preferred == IGNORE
    assert IGNORE not in allows("unit_inactive", {**told, "Result": "exit-code"}, severity="warning").actions
    assert IGNORE not in allows("unit_inactive", {**told, "Type": "simple"}, severity="warning").actions
