"""GET /inventory: the names that a request may be for. Says no address and no variable of a host."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, Field

from observer.web.dependencies import Context, Viewer

router = APIRouter(tags=["requests"])


class HostGroupOut(BaseModel):
    """A person's own group, and those of its hosts that can be used."""

    name: str
    hosts: list[str]


class InventoryOut(BaseModel):
    """config/inventory.yml as planner and executor read it now; by name."""

    hosts: list[str] = Field(description="those that can be used")
    groups: list[HostGroupOut] = Field(description="those that have a host that can be used")
    problem: str | None = Field(description="why no host may be touched; null where some may")


@router.get("/inventory")
async def inventory(context: Context, user: Viewer) -> InventoryOut:
    """Which hosts and groups there are."""
    read = (await asyncio.to_thread(context.config.read)).inventory
    if isinstance(read, str):
        return InventoryOut(hosts=[], groups=[], problem=read)
    members = {name: read.members_of(name) for name in sorted(read.group_names - read.hosts)}
    groups = [HostGroupOut(name=name, hosts=list(hosts)) for name, hosts in members.items() if hosts]
    return InventoryOut(hosts=sorted(read.hosts), groups=groups, problem=None)
