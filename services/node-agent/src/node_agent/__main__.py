"""Start the node agent: the only room here that reads the environment. `python -m node_agent`."""

from __future__ import annotations

from mesh_core.runtime.log import setup

from pathlib import Path

from mesh_core.runtime.process_memory import limit_malloc_arenas
from mesh_core.runtime.service import serve
from mesh_core.runtime.services import NODE_AGENT
from mesh_core.runtime.startup import exit_with, schema_or_exit, service_environment, settings_or_exit
from mesh_core.security.private_folder import write_privately
from mesh_core.storage.file_lock import FileLock
from node_agent.probe_config import ProbeConfig, ProbeConfigError, read_probe_config
from node_agent.settings import NodeAgentSettings
from node_agent.wiring import NodeAgentWiring


def main() -> None:
    """Start and never return; exit status 2 for settings that cannot be used, 1 for a spool that cannot."""
    settings = settings_or_exit(NodeAgentSettings, NODE_AGENT, service_environment(NODE_AGENT))
    setup(NODE_AGENT, level=settings.log_level)
    write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, NODE_AGENT)
    limit_malloc_arenas()  # before the first thread: a look at the host is one
    config = _probe_config(settings.runtime_path / "config" / "node.yml")
    spool_folder = settings.runtime_path / "spool" / settings.node_name
    _lock(spool_folder)
    wiring = NodeAgentWiring(settings, config, spool_folder)
    serve(NODE_AGENT, settings.runtime_path, wiring.parts, pulse=wiring.pulse)


def _probe_config(file: Path) -> ProbeConfig:
    try:
        return read_probe_config(file)
    except ProbeConfigError as error:
        exit_with(f"{NODE_AGENT}: {error}")


def _lock(spool_folder: Path) -> None:
    """The lock of this node's spool until we end, or a sentence and exit status 1: a stream has one writer."""
    try:
        spool_folder.mkdir(parents=True, exist_ok=True)
        locked = FileLock(spool_folder / "lock", mode=0o644).take()
    except OSError as error:
        exit_with(f"{NODE_AGENT}: {spool_folder} cannot be used: {error.strerror}; set RUNTIME_PATH", 1)
    if not locked:
        another = f"another node agent uses {spool_folder}"
        exit_with(f"{NODE_AGENT}: {another}; stop it, or give this one its own NODE_NAME", 1)


if __name__ == "__main__":
    main()
