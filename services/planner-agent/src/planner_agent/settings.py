"""The planner's own settings."""

from __future__ import annotations

from pydantic import Field

from mesh_core.runtime.settings import WatchedSettings


class PlannerSettings(WatchedSettings):
    """Beside these, a planner reads the fallback chain's (mesh_core.llm.settings.ChainSettings)."""

    cooldown_seconds: float = Field(
        300,
        alias="COOLDOWN_SECONDS",
        ge=0.001,
        le=86400,
        description="after a proposal, words about the same trouble are counted, not proposed, unless it got worse",
    )
    proposal_ttl_seconds: int = Field(
        86400,
        alias="PROPOSAL_TTL_SECONDS",
        ge=1,
        le=36500 * 86400,
        description="a proposal that nobody decides expires after this",
    )
    hold_seconds: int = Field(
        1800,
        alias="HOLD_SECONDS",
        ge=0,
        le=86400,
        description="trouble that may come from what is at work on its host waits; after so long people are told",
    )
    planner_parallel: int = Field(
        8, alias="PLANNER_PARALLEL", ge=1, le=256, description="how many services are planned at the same time"
    )
    storm_subjects: int = Field(
        10,
        alias="STORM_SUBJECTS",
        ge=0,
        le=256,
        description="so much that begins within a minute, on one node or alike on several, is one incident; 0: never",
    )
