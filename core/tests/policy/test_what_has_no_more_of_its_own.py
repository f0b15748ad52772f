"""What has no file left that it may open, or lost the process that does its work behind its front, is restarted."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, NOTIFY, RESTART, allows, event

from mesh_core.policy.event_facts.facts import Fact, facts_for


@pytest.mark.parametrize(
    "said",
    [
        {"open_fds": "4096/4096"},
        {"fds": "65535 of 65535"},
        {"file_descriptors": "8192 / 8192"},
        {"open_files": {"used": 2048, "limit": 2048}},
        {"fd": {"open": 512, "max": 512}},
        {"open_files": 1024, "soft_limit_nofile": 1024},
        {"fds_used_percent": 100},
    ],
    ids=str,
)
def test_what_may_open_no_file_any_more_is_restarted(said: dict[str, Any]) -> None:
    assert allows("errors_rising", DOCKER | said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"open_fds": "400/4096"},
        {"open_fds": "0/0"},
        {"connections": "100/100"},
        {"open_files": {"used": 20, "limit": 2048}},
        {"fds_used_percent": 80},
    ],
    ids=str,
)
def test_what_may_open_more_is_told(said: dict[str, Any]) -> None:
    assert allows("errors_rising", DOCKER | said, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"processes": {"gateway": "alive", "scheduler": "gone"}},
        {"processes": {"frontend": "running", "worker-1": "dead", "worker-2": "exited (9)"}},
        {"procs": [{"name": "web", "state": "sleeping"}, {"name": "indexer", "state": "defunct"}]},
        {"threads": {"main": "alive", "consumer": "crashed"}},
        {"engine": "gone", "api": "alive"},
        {"renderer": "terminated", "http_server": "up"},
        {"event_loop_alive": False, "api_alive": True},
        {"worker_process": "crashed", "master_process": "running"},
    ],
    ids=str,
)
def test_what_lost_the_process_that_does_its_work_is_restarted(said: dict[str, Any]) -> None:
    assert Fact.HANGS in facts_for(event("throughput_zero", DOCKER | said))
    assert allows("throughput_zero", DOCKER | said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"processes": {"gateway": "alive", "scheduler": "alive"}},
        {"processes": {"worker-1": "alive", "worker-2": "gone"}},  # its master starts it anew
        {"processes": {"gateway": "gone"}},
        {"peers": {"a": "alive", "b": "gone"}},
        {"services": {"db": "dead", "web": "alive"}},
        {"engine": "alive", "camera": "gone"},
        {"engine": "gone"},
        {"processes": 4},
    ],
    ids=str,
)
def test_what_lost_nothing_of_its_own_is_told(said: dict[str, Any]) -> None:
    assert Fact.HANGS not in facts_for(event("throughput_zero", DOCKER | said))
    assert allows("throughput_zero", DOCKER | said, severity="error").preferred == NOTIFY
