"""Ten fixed orders for a model, and how many of them it writes as they were meant: what `mend doctor --model` tells.

Files nothing and touches nothing: what it writes is held against the answer and thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mesh_core.actions.register import SHIPPED
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Attempt, Provider
from mesh_core.models.requests import Request
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy
from planner_agent.requests.drafting import Refused, drafted, drafted_of
from planner_agent.requests.model_drafting import wrong_with
from planner_agent.requests.writing.task_writer import TaskWriter, Written

WANTED = 8  # of the ten, for a model that may write
_ZONE = "community.general.timezone"
# Each with the module that does it and what its arguments have to say; more may stand beside it.
ORDERS: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    ("set the timezone to Europe/Warsaw", _ZONE, {"name": "Europe/Warsaw"}),
    (
        "mount nas:/media at /mnt/media with nfs",
        "ansible.posix.mount",
        {"src": "nas:/media", "path": "/mnt/media", "fstype": "nfs", "state": "mounted"},
    ),
    (
        "unpack /opt/site.tar.gz into /srv/site",
        "ansible.builtin.unarchive",
        {"src": "/opt/site.tar.gz", "dest": "/srv/site", "remote_src": True},
    ),
    ("set the hostname to kitchen-pi", "ansible.builtin.hostname", {"name": "kitchen-pi"}),
    ("touch /srv/site/health", "ansible.builtin.file", {"path": "/srv/site/health", "state": "touch"}),
    ("change the owner of /srv/media to jellyfin", "ansible.builtin.file", {"path": "/srv/media", "owner": "jellyfin"}),
    (
        "tag the image shop:1.2 as shop:stable",
        "community.docker.docker_image_tag",
        {"name": "shop:1.2", "repository": ["shop:stable"]},
    ),
    (
        "set the boolean httpd_can_network_connect of SELinux to on",
        "ansible.posix.seboolean",
        {"name": "httpd_can_network_connect", "state": True},
    ),
    ("stelle die Zeitzone auf Europe/Berlin", _ZONE, {"name": "Europe/Berlin"}),
    ("시간대를 Asia/Seoul로 바꿔줘", _ZONE, {"name": "Asia/Seoul"}),
)


@dataclass(frozen=True)
class Graded:
    """One order, whether it was written as it was meant, and in a few words what came instead."""

    text: str
    right: bool
    told: str = ""


async def grade(provider: Provider) -> tuple[Graded, ...]:
    """Up to three answers of that model for each order, one after the other. Raises nothing of the model's."""
    writer = TaskWriter([provider], frozenset({provider.name}), Breakers(), _untold)
    return tuple([await _graded(writer, *order) for order in ORDERS])


async def _graded(writer: TaskWriter, text: str, module: str, wanted: Mapping[str, Any]) -> Graded:
    request = Request(id="req-000000000000", text=text, hosts=("host",), temperature=0)
    config = ConfigSnapshot(Inventory.parse(b"all: {hosts: {host: {}}}"), Policy.load(None))
    refused = drafted(request, {}, config)
    if not isinstance(refused, Refused) or refused.beyond is None:
        return Graded(text, True, "a recipe of your own reads it")
    wrong = partial(wrong_with, request, refused.beyond, config)
    written = await writer.write(request, refused.beyond, SHIPPED.asked_for, wrong)
    if not isinstance(written, Written):
        return Graded(text, False, written)
    made = [{name: said for name, said in task.items() if name != "name"} for task in written.tasks]
    passed = drafted_of(request, refused.beyond, written.tasks, config)
    right = len(made) == 1 and not isinstance(passed, Refused) and _says(made[0].get(module), wanted)
    return Graded(text, right, "" if right else f"wrote {made}"[:200])


def _says(arguments: object, wanted: Mapping[str, Any]) -> bool:
    return isinstance(arguments, dict) and all(arguments.get(name) == said for name, said in wanted.items())


async def _untold(about: str, attempt: Attempt) -> None:
    """Nobody is told of these attempts."""
