"""The node agent's settings: the mesh's own, and where the engine listens. What to watch is in config/node.yml."""

from __future__ import annotations

from pydantic import Field

from mesh_core.runtime.settings import WatchedSettings


class NodeAgentSettings(WatchedSettings):
    """What the node agent needs beside the mesh's own settings."""

    docker_host: str = Field(
        "unix:///var/run/docker.sock",
        alias="DOCKER_HOST",
        pattern="^(unix|tcp)://",
        description="the Docker engine: unix:///path or tcp://host:port",
    )
