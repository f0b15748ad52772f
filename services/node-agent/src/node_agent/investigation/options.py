"""The section `investigation` of `config/node.yml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from node_agent.options import Options


class InvestigationOptions(Options):
    """`seconds`: how long an event may wait for it, less than for its other evidence."""

    enabled: bool = True
    seconds: Annotated[float, Field(gt=0, le=4)] = 2
