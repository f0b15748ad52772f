"""The observer's settings. Read in `__main__` only."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from mesh_core.settings import MeshSettings


def _listen(text: str) -> str:
    if text != "off":
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("wants HOST:PORT, such as 127.0.0.1:8686, or off")
    return text


class ObserverSettings(MeshSettings):
    """MeshSettings, where the page is, and how long a node may say nothing."""

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        "127.0.0.1:8686",
        alias="OBSERVER_LISTEN",
        description="where the dashboard and its API are: HOST:PORT; `off` for none",
    )

    node_silent_seconds: float = Field(
        180,
        alias="NODE_SILENT_SECONDS",
        ge=1,
        le=86400,
        allow_inf_nan=False,
        description="a node whose agent gave no sign of life for this long is offline; its sign comes every 30 s",
    )

    @property
    def address(self) -> tuple[str, int] | None:
        """(host, port) to listen on; None for nowhere. An IPv6 host may stand in brackets."""
        if self.listen == "off":
            return None
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
