"""Who may run beside whom when a session has workers (`pytest -n 2`): one worker has the machine, files are free.

The Docker engine and its bridge, network namespaces, systemd and runs of the executor (it finds its processes by the
action's id, machine-wide) are one for the whole machine: their tests stay together, in order. All others go to whoever
is free, file by file, because a file's fixtures are started once. Without workers nothing changes.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

THE_MACHINE = (
    "cli/tests/test_drill.py",
    "services/executor-agent/",
    "services/node-agent/tests/test_docker.py",
    "services/node-agent/tests/test_systemd.py",
    "services/observer/tests/browser/test_page_heals.py",
    "tests/deploy/",
    "tests/deployed/",
    "tests/system/test_partition.py",
    "tests/test_parts.py",
)
ITS_FIXTURES = frozenset({"engine", "systemd_node"})


class Beside(LoadScopeScheduling):
    """What one worker gets at once: all that needs the machine, or one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "the machine" if file.startswith(THE_MACHINE) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """In collection order: a file of many small tests is not worth more than one that heals a container."""
    config.option.loadscopereorder = False
    return Beside(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file with an engine that is not on the list would bring a second one beside the first."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        fixtures = ITS_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if fixtures and not file.startswith(THE_MACHINE):
            raise pytest.UsageError(f"{file} needs {', '.join(fixtures)}: add it to THE_MACHINE in {__name__}")
