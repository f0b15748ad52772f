"""A sentence, the files that come along with it, and the tasks that it becomes, by the shipped recipes."""

from __future__ import annotations

import hashlib
from typing import Any

from mesh_core.actions.register import SHIPPED
from mesh_core.models.proposals import Attachment
from planner_agent.requests.understanding import Draft, understand

RECIPES = SHIPPED.asked_for


def attached(name: str, text: str = "a text") -> Attachment:
    return Attachment(name=name, sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


FILES = (attached("index.html"), attached("nginx.conf.j2", "listen {{ port }};"), attached("motd.txt"))
SHA = FILES[0].sha256


def drafted(text: str, **more: Any) -> Draft:
    made = understand(text, RECIPES, attachments=FILES, **more)
    assert isinstance(made, Draft), made
    return made


def tasks(text: str, **more: Any) -> list[dict[str, Any]]:
    """Modules by their last word, without the tasks' names."""
    said = drafted(text, **more).tasks
    return [{key.rpartition(".")[2]: value for key, value in task.items() if key != "name"} for task in said]
