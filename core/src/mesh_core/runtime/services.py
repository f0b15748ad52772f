"""The services of the mesh: the one table of their names, users and ports. What each is for says its service.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class ServiceUser(IntEnum):
    """Who a service runs as: the same numbers in every image and on every host."""

    ROOT = 0
    REDIS = 10000
    PLANNER = 10001
    EXECUTOR = 10002
    NODE_AGENT = 10003
    OBSERVER = 10004


@dataclass(frozen=True)
class Service:
    """`port`: where it answers /metrics, /healthz and /readyz; the observer also its page.

    `approves`: its user is in the group of those who may move files in actions/. `on_each_node`: not only beside
    Redis. `home`: of that user in an image.
    """

    name: str
    user: ServiceUser
    port: int
    approves: bool = False
    on_each_node: bool = False
    home: str = "/nonexistent"

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def user_name(self) -> str:
        return f"mend-{self.name.removesuffix('-agent')}"


# In the order in which `mend up` starts them. After a change: make tables.
SERVICES: Mapping[str, Service] = {
    service.name: service
    for service in (
        Service("node-agent", ServiceUser.NODE_AGENT, 8689, on_each_node=True),
        Service("observer", ServiceUser.OBSERVER, 8686, approves=True),
        Service("planner-agent", ServiceUser.PLANNER, 8687),
        Service("executor-agent", ServiceUser.EXECUTOR, 8688, approves=True, home="/tmp"),  # noqa: S108 - for ssh, which needs one
    )
}
NODE_AGENT, OBSERVER, PLANNER, EXECUTOR = SERVICES
