"""/healthz, /readyz and /metrics of the observer: open to everybody who reaches the port, and they tell no names."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from mesh_core.runtime.health import Answer, Probes

router = APIRouter(tags=["health"])
_NOT_NOW: dict[int | str, dict[str, Any]] = {503: {"description": "the same body, saying what is wrong"}}


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", responses=_NOT_NOW)
async def healthz(request: Request) -> Response:
    """200 while the loop turns."""
    return _response(_probes(request).healthz())


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=_NOT_NOW)
async def readyz(request: Request) -> Response:
    """200 while Redis answers and the folders can be written to; the body names the part that is not ready."""
    return _response(await _probes(request).readyz())


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Every metric of the observer, for Prometheus."""
    return _response(await _probes(request).metrics())


def _probes(request: Request) -> Probes:
    probes: Probes = request.app.state.probes
    return probes


def _response(answer: Answer) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Type": answer.content_type}
    return Response(answer.body, answer.status, headers)
