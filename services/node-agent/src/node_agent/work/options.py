"""The section `at_work` of `config/node.yml`."""

from __future__ import annotations

from pathlib import Path

from node_agent.options import Options


class WorkOptions(Options):
    """`host`: where the host's `/proc`, `/run` and locks are seen (`/host` in a container that has them mounted there).
    `maintenance`: the file of the host whose being there declares one; what is in it is the reason."""

    enabled: bool = True
    host: Path = Path("/")
    maintenance: Path = Path("/run/mendmesh/maintenance")
