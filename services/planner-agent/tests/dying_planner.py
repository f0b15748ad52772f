"""The real planner, except that it dies by SIGKILL: right after the step named on the command line (the crash table),
or, with `on:<service>`, whenever it asks its models about that service."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.events import HealthEvent
from planner_agent import __main__ as planner_main
from planner_agent.correlation.storm_book import StormBook
from planner_agent.diagnosis.diagnosis import Diagnosis, Diagnostician
from planner_agent.requests.writing.task_writer import TaskWriter
from planner_agent.store.gates import Gates
from planner_agent.store.planner_store import PlannerStore

STEPS: dict[str, tuple[type, str]] = {
    "read": (Consumer, "read"),
    "gate": (Gates, "pass_each"),
    "model": (Diagnostician, "diagnose"),
    "draft": (PlannerFolders, "draft"),
    "decide": (PlannerStore, "decide"),
    "rename": (PlannerFolders, "file_draft"),
    "settle": (PlannerStore, "settle"),
}
TAKING_BACK: dict[str, tuple[type, str]] = {
    "withdraw": (PlannerFolders, "withdraw"),
    "tell": (Bus, "publish"),
}
OF_A_STORM: dict[str, tuple[type, str]] = {
    "noted": (StormBook, "note"),
    "joined": (StormBook, "join"),
}
ASKED_FOR: dict[str, tuple[type, str]] = {
    "one of two": (PlannerStore, "tell_filed"),
    "kept": (RequestFolder, "put"),
    "asked": (TaskWriter, "write"),
}


def die_after(owner: type, name: str) -> None:
    """Replace the method by itself plus kill -9; a read or a gate that brought nothing does not count."""
    original: Callable[..., Any] = getattr(owner, name)

    async def dying(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        if result != []:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def dying_now(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying_now if owner in (PlannerFolders, RequestFolder) else dying)


def die_on(service: str) -> None:
    original = Diagnostician.diagnose

    async def diagnose(
        self: Diagnostician, event: HealthEvent, untouchable: str = "", *, rules_only: bool = False
    ) -> Diagnosis:
        if event.service == service and not rules_only:
            os.kill(os.getpid(), signal.SIGKILL)
        return await original(self, event, untouchable, rules_only=rules_only)

    Diagnostician.diagnose = diagnose  # type: ignore[method-assign]


if __name__ == "__main__":
    if sys.argv[1].startswith("on:"):
        die_on(sys.argv[1].removeprefix("on:"))
    else:
        die_after(*(STEPS | TAKING_BACK | OF_A_STORM | ASKED_FOR)[sys.argv[1]])
    planner_main.main()
