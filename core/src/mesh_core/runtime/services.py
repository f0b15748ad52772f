"""The services of the mesh: the one table of their names, users and ports. What each is for says its service.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class ServiceUser(IntEnum):
    """Who a service runs as: the same numbers in every image and on every host (scripts/image/trim.sh)."""

    ROOT = 0
    REDIS = 10000
    PLANNER = 10001
    EXECUTOR = 10002
    NODE_AGENT = 10003
    OBSERVER = 10004


@dataclass(frozen=True)
class Service:
    """`port`: where it answers /metrics, /healthz and /readyz; the observer also its page."""

    name: str
    user: ServiceUser
    port: int

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")


# In the order in which `mend up` starts them.
SERVICES: Mapping[str, Service] = {
    service.name: service
    for service in (
        Service("node-agent", ServiceUser.NODE_AGENT, 8689),
        Service("observer", ServiceUser.OBSERVER, 8686),
        Service("planner-agent", ServiceUser.PLANNER, 8687),
        Service("executor-agent", ServiceUser.EXECUTOR, 8688),
    )
}
NODE_AGENT, OBSERVER, PLANNER, EXECUTOR = SERVICES
