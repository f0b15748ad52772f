"""How the API says no: one status, one code for programs, one sentence for people. Never a traceback, never a stack."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.messaging.bus import BusDown
from mesh_core.models.config_file import said_of_value
from observer.audit.log import AuditDown

RETRY_SECONDS = 5
# 409: the thing is there, but not as it was when the person looked.
STATUS_OF = {
    RefusalReason.UNKNOWN: 404,
    RefusalReason.AMBIGUOUS: 404,
    RefusalReason.DECIDED: 409,
    RefusalReason.CHANGED: 409,
    RefusalReason.EXPIRED: 409,
    RefusalReason.UNREADABLE: 409,
    RefusalReason.INVALID: 422,
    RefusalReason.FORBIDDEN: 403,
}
NO_JSON = "body: it is no JSON that can be read here: nested too deep, or a number of too many digits"
_CODE_OF_STATUS = {401: "unauthenticated", 403: "forbidden", 404: "unknown", 405: "method", 413: "too_large"}

log = structlog.get_logger()


class Problem(BaseModel):
    """Every answer that is not 2xx."""

    error: str
    detail: str


class HttpProblem(Exception):
    """What a route raises when it has a sentence of its own."""

    def __init__(self, status: int, error: str, detail: str, headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status = status
        self.problem = Problem(error=error, detail=detail)
        self.headers = headers


def install_error_handlers(app: FastAPI) -> None:
    """Give every exception that can leave a route its answer."""

    @app.exception_handler(HttpProblem)
    async def http_problem(request: Request, error: HttpProblem) -> JSONResponse:
        return _answer(error.status, error.problem.error, error.problem.detail, error.headers)

    @app.exception_handler(CannotDecide)
    async def cannot_decide(request: Request, error: CannotDecide) -> JSONResponse:
        return _answer(STATUS_OF[error.reason], error.reason.value, error.sentence)

    @app.exception_handler(BusDown)
    async def redis_away(request: Request, error: BusDown) -> JSONResponse:
        retry = {"Retry-After": str(RETRY_SECONDS)}
        return _answer(
            503, "redis_away", f"Redis does not answer now ({error}); approving by mv works all the same", retry
        )

    @app.exception_handler(AuditDown)
    async def audit_down(request: Request, error: AuditDown) -> JSONResponse:
        return _answer(503, "audit_down", f"{error}; nothing is done here that could not be written down")

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(422, "invalid", sentence_of(error))

    @app.exception_handler(HTTPException)
    async def framework_error(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # FastAPI says so of a body at which Python's own reader gave up, and no more
            return _answer(422, "invalid", NO_JSON)
        code = _CODE_OF_STATUS.get(error.status_code, "http")
        return _answer(error.status_code, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def internal_error(request: Request, error: Exception) -> JSONResponse:
        # The last one: a mistake of ours ends one request, never the observer; the log has all of it.
        log.error("web.route_failed", path=request.url.path, exc_info=error)
        return _answer(500, "internal", "the observer made a mistake; its log says more")


def sentence_of(error: RequestValidationError) -> str:
    """Which fields of a request do not fit, and why."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'][1:]) or problem['loc'][0]}: {said_of_value(problem)}"
        for problem in error.errors()[:5]
    )


def error_response(error: HttpProblem) -> JSONResponse:
    """For who stands in front of the app, where no handler catches."""
    return _answer(error.status, error.problem.error, error.problem.detail, error.headers)


def _answer(status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Problem(error=error, detail=detail).model_dump(), status, headers)
