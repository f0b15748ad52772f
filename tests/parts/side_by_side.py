"""Who may run beside whom when a session has workers (`pytest -n 4`): three of them have an engine, files are free.

What is deployed, with the Docker engine that has docker0 and the firewall, is one for the whole machine: its tests stay
together, in order, in one worker. What heals or watches containers and units needs neither networks nor the product's
images: it is for two workers more, each with an engine of its own, file by file as they come to be free. All others go
to whoever is free, because a file's fixtures are started once. What is long begins first, and the engines before all of
it: a run ends with what is short.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from parts.dockerd import engines_are_ours

# In this order, in one worker.
THE_MACHINE = (
    "tests/deploy/test_deploy_docker.py",  # beside it the images are built that the next ones need
    "tests/deployed/",
    "services/observer/tests/browser/test_page_heals.py",
    "tests/qualify/test_scenarios.py",
    "cli/tests/test_drill_docker.py",
)
# Longest first, where engines are ours; elsewhere they come after the ones above, in the same worker.
BESIDE_THE_MACHINE = (
    "tests/deploy/test_deploy_systemd.py",
    "tests/test_remedies.py",
    "services/executor-agent/tests/test_repairs.py",
    "tests/test_container_remedies.py",
    "services/node-agent/tests/test_docker.py",
    "services/executor-agent/tests/test_repairs_of_units.py",
    "tests/test_reboot.py",
    "services/executor-agent/tests/test_process_heals.py",
    "tests/test_own_remedy.py",
    "services/node-agent/tests/test_docker_identity.py",
    "services/node-agent/tests/test_docker_evidence.py",
    "services/node-agent/tests/test_systemd.py",
    "services/executor-agent/tests/test_undo_on_a_host.py",
    "tests/test_engine_parts.py",
    "services/node-agent/tests/test_engine_restart.py",
)
WITH_AN_ENGINE = (*THE_MACHINE, *BESIDE_THE_MACHINE)
ENGINES = 3  # workers that have one; each loads the base image and a node with systemd
# What takes twenty seconds or more alone, file by file, longest first; tests of the files in EACH_ALONE share nothing.
LONG = (
    "tests/system/test_chaos.py",
    "services/observer/tests/browser/",
    "cli/tests/test_up.py",
    "services/executor-agent/tests/test_ansible_pool.py",
    "services/planner-agent/tests/test_crashes.py",
    "services/executor-agent/tests/test_executor.py",
    "cli/tests/test_drill.py",
    "tests/test_judgement.py",
    "services/planner-agent/tests/test_injection.py",
    "tests/test_seeds.py",
    "tests/test_choice_of_tests.py",
    "services/node-agent/tests/test_supervisor.py",
    "cli/tests/test_secrets_stay_hidden.py",
    "services/executor-agent/tests/test_recovery.py",
    "services/observer/tests/test_process.py",
    "tests/system/test_partition.py",
    "tests/test_loop_under_acl.py",
    "tests/test_at_rest.py",
    "tests/test_request_options.py",
    "core/tests/messaging/test_bridge_outages.py",
    "core/tests/messaging/test_bridge.py",
    "core/tests/runtime/test_service.py",
    "services/observer/tests/test_index_process.py",
    "services/executor-agent/",
    "tests/test_redis_flood.py",
)
TOGETHER = ("core/tests/llm/",)  # what these import (a vendor's client: 2 s of processor) is imported in one worker
EACH_ALONE = ("tests/system/test_chaos.py", "services/executor-agent/tests/test_repairs.py")
ITS_FIXTURES = frozenset({"engine", "systemd_node"})
BESIDE = pytest.StashKey[bool]()
MACHINE = "the machine"


class Beside(LoadScopeScheduling):
    """What one worker gets at once: all that needs the machine, or one file."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self.with_engine: set[WorkerController] = set()

    def _assign_work_unit(self, node: WorkerController) -> None:
        if len(self.with_engine) < ENGINES:
            self.with_engine.add(node)
        mine = next_of(self.workqueue, has_engine=node in self.with_engine)
        self.workqueue.move_to_end(mine, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(WITH_AN_ENGINE if not engines_are_ours() else THE_MACHINE):
            return MACHINE
        if folder := next(filter(file.startswith, TOGETHER), ""):
            return folder
        return nodeid if file.startswith(EACH_ALONE) else file


def next_of(scopes: Collection[str], *, has_engine: bool) -> str:
    """What needs an engine for a worker that has one, the rest for others; of what is left at the end, the first."""
    mine = (one for one in scopes if (one == MACHINE or one.startswith(BESIDE_THE_MACHINE)) == has_engine)
    return next(mine, next(iter(scopes)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """In our order: a file of many small tests is not worth more than one that heals a container."""
    config.option.loadscopereorder = False
    return Beside(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test has the same name in each worker: bytes that are no text may hold the time at which they were packed."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A file with an engine that is not on the list would bring a second one beside the first."""
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        items.sort(key=lambda item: _turn(item.nodeid))
    for item in items:
        file = item.nodeid.partition("::")[0]
        fixtures = ITS_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if fixtures and not file.startswith(WITH_AN_ENGINE):
            raise pytest.UsageError(f"{file} needs {', '.join(fixtures)}: add it to one of the lists in {__name__}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """An engine is started for the first test that asks for it: whose turn is it?"""
    of_a_worker = hasattr(item.config, "workerinput")
    item.config.stash[BESIDE] = of_a_worker and not item.nodeid.startswith(THE_MACHINE)


def _turn(nodeid: str) -> int:
    order = (*WITH_AN_ENGINE, *LONG)
    return next((number for number, path in enumerate(order) if nodeid.startswith(path)), len(order))
