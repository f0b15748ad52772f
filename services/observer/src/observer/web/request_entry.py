"""A request or a reply out of HTTP into the stream that planners read, judged at the same door as every other."""

from __future__ import annotations

import json
import time
from typing import Any

from mesh_core.models.parsing import read_asked
from mesh_core.models.strict_json import Refusal
from observer.web.app_context import AppContext
from observer.web.errors import HttpProblem


async def enter(context: AppContext, value: dict[str, Any]) -> None:
    """Safe in its stream when this returns. Raises HttpProblem 422 for what cannot be asked, and BusDown."""
    asked = read_asked(json.dumps(value).encode(), int(time.time() * 1000))
    if isinstance(asked, Refusal):
        raise HttpProblem(422, "invalid", asked.reason)
    await context.bus.enter_request(asked)
