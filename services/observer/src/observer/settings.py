"""The observer's settings. Read in `__main__` only."""

from __future__ import annotations

from pydantic import Field

from mesh_core.settings import MeshSettings


class ObserverSettings(MeshSettings):
    """MeshSettings and how long a node may say nothing."""

    node_silent_seconds: float = Field(
        180,
        alias="NODE_SILENT_SECONDS",
        ge=1,
        le=86400,
        allow_inf_nan=False,
        description="a node whose agent gave no sign of life for this long is offline; its sign comes every 30 s",
    )
