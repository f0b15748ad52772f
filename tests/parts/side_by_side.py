"""Who may run beside whom when a session has workers (`pytest -n 4`): one worker has the machine, files are free.

The Docker engine and its bridge, network namespaces and systemd are one for the whole machine: their tests stay
together, in order. All others go to whoever is free, file by file, because a file's fixtures are started once. What is
long begins first, and the machine before all of it: a run ends with what is short.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# In this order.
THE_MACHINE = (
    "cli/tests/test_drill_docker.py",
    "services/executor-agent/tests/test_process_heals.py",
    "services/executor-agent/tests/test_repairs.py",
    "services/executor-agent/tests/test_repairs_of_units.py",
    "services/executor-agent/tests/test_undo_on_a_host.py",
    "tests/deploy/test_deploy_systemd.py",  # beside it the images are built that the next ones need
    "tests/deploy/test_deploy_docker.py",
    "services/node-agent/tests/test_docker.py",
    "services/node-agent/tests/test_engine_restart.py",
    "services/node-agent/tests/test_systemd.py",
    "services/observer/tests/browser/test_page_heals.py",
    "tests/deployed/",
    "tests/qualify/test_scenarios.py",
    "tests/system/test_partition.py",
    "tests/test_engine_parts.py",
    "tests/test_own_remedy.py",
    "tests/test_reboot.py",
    "tests/test_remedies.py",
    "tests/test_container_remedies.py",
)
# What takes half a minute or more, file by file, longest first; tests of the files in EACH_ALONE share nothing.
LONG = (
    "tests/system/test_chaos.py",
    "cli/tests/test_up.py",
    "cli/tests/test_secrets_stay_hidden.py",
    "services/executor-agent/tests/test_recovery.py",
    "services/executor-agent/tests/test_repairs_of_programs.py",
    "services/observer/tests/browser/",
    "cli/tests/test_drill.py",
    "tests/test_seeds.py",
    "services/planner-agent/tests/test_injection.py",
    "services/planner-agent/tests/test_crashes.py",
    "tests/test_parts.py",
    "tests/test_at_rest.py",
    "tests/test_loop_under_acl.py",
    "services/observer/tests/test_index_process.py",
    "services/observer/tests/test_process.py",
    "tests/test_redis_flood.py",
    "cli/tests/test_local_users.py",
    "cli/tests/test_end_watch.py",
    "services/executor-agent/",
)
EACH_ALONE = ("tests/system/test_chaos.py",)
ITS_FIXTURES = frozenset({"engine", "systemd_node"})


class Beside(LoadScopeScheduling):
    """What one worker gets at once: all that needs the machine, or one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(THE_MACHINE):
            return "the machine"
        return nodeid if file.startswith(EACH_ALONE) else file


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
        if fixtures and not file.startswith(THE_MACHINE):
            raise pytest.UsageError(f"{file} needs {', '.join(fixtures)}: add it to THE_MACHINE in {__name__}")


def _turn(nodeid: str) -> int:
    order = (*THE_MACHINE, *LONG)
    return next((number for number, path in enumerate(order) if nodeid.startswith(path)), len(order))
