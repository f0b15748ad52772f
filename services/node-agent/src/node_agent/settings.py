"""The node agent's settings: the mesh's own, and where the engine listens. What to watch is in config/node.yml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from mesh_core.models.config_file import spelled
from mesh_core.runtime.settings import WatchedSettings
from node_agent.protocols.http_address import parse_address, refuse_path


class NodeAgentSettings(WatchedSettings):
    """What the node agent needs beside the mesh's own settings."""

    docker_host: Annotated[str, spelled("(unix|tcp)://.*", "unix:///PATH or tcp://HOST:PORT")] = Field(
        "unix:///var/run/docker.sock",
        alias="DOCKER_HOST",
        description="the Docker engine: unix:///path or tcp://host:port",
        repr=False,  # a login for the proxy before it may be in it
    )

    @field_validator("docker_host")
    @classmethod
    def _can_be_asked(cls, url: str) -> str:
        refuse_path(parse_address(url))
        return url
