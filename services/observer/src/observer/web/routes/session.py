"""/session, /login, /logout: who I am here, coming in, going out."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, Response

from mesh_core.runtime.metrics import SIGN_INS
from mesh_core.security.users import BadPeople, token_digest
from observer.auth.auth import Auth, cookie_name, device_cookie, session_cookie
from observer.auth.credentials import Account
from observer.auth.devices import COOKIE as DEVICE_COOKIE
from observer.auth.devices import KEPT_SECONDS
from observer.auth.login import TooManyAttempts
from observer.auth.person import AuthMethod, AuthMode, Login, Person, SessionOut
from observer.auth.request_origin import RequestOrigin
from observer.web.app_context import AppContext
from observer.web.auth_middleware import LOGIN
from observer.web.dependencies import Context, Origin, Viewer
from observer.web.errors import HttpProblem

router = APIRouter(tags=["session"])

log = structlog.get_logger()


@router.get("/session")
async def session(context: Context, user: Viewer) -> SessionOut:
    """Who I am. 401: nobody yet; show the sign-in form."""
    return _session_info(context, user)


@router.post("/login")
async def login(context: Context, origin: Origin, body: Login, response: Response) -> SessionOut:
    """A session, as an HTTP-only cookie, for a user's password, for a token, or for a one-time link.

    401: wrong, or used up; 429: too many guesses.
    """
    auth = context.auth
    if auth is None:
        raise HttpProblem(409, "open", "nobody has to sign in here")
    known = await (_by_link(auth, body.link) if body.link else _by_secret(context, auth, origin, body))
    await context.audit.note("login", known.name, "web", address=origin.address)
    if old := session_cookie(origin):
        auth.sessions.forget(token_digest(old))
    try:
        session_id = await auth.sessions.open(known.name, known.mark, origin.address)
    except OSError as error:
        raise HttpProblem(503, "not_saved", f"a session cannot be kept now: {error.strerror or error}") from None
    secure = origin.scheme == "https"
    _set_cookie(response, cookie_name(origin), session_id, auth.sessions.longest_seconds, secure=secure)
    if body.user and not body.link:
        seen_before = auth.devices.cookie_for(known.name, known.mark)
        _set_cookie(response, DEVICE_COOKIE, seen_before, KEPT_SECONDS, secure=secure, path=LOGIN)
    SIGN_INS.add("ok")
    log.info("auth.signed_in", user=known.name, address=origin.address)
    person = Person(name=known.name, role=known.role, how=AuthMethod.SESSION, session=token_digest(session_id))
    return _session_info(context, person)


async def _by_link(auth: Auth, link: str) -> Account:
    """No guess is counted and no failure audited: 256 bits are not guessed, and a neighbour must not lock us out."""
    if auth.mode is not AuthMode.LINK:
        raise HttpProblem(401, "wrong_credentials", "links count only where nobody is listed: sign in with your name")
    known = await asyncio.to_thread(auth.by_link, link)
    if known is None:
        SIGN_INS.add("wrong")
        raise HttpProblem(401, "link_spent", "this link was used already or is too old: `mend page` makes another one")
    return known


async def _by_secret(context: AppContext, auth: Auth, origin: RequestOrigin, body: Login) -> Account:
    if auth.mode is AuthMode.LINK:
        raise HttpProblem(401, "link_needed", "nobody is listed here: `mend page` on this machine makes a sign-in link")
    try:
        known = await auth.login.check(body.user, body.password, body.token, origin.address, device_cookie(origin))
    except TooManyAttempts as error:
        raise await _too_many(context, body, origin.address, error) from None
    except BadPeople as error:
        raise HttpProblem(503, "users_unusable", f"nobody can sign in: {error}") from None
    if known is None:
        # Never the name as it was typed: it may be a password in the wrong field.
        user = await _name_if_known(auth, body.user)
        SIGN_INS.add("wrong")
        log.warning("auth.sign_in_failed", user=user, address=origin.address)
        await context.audit.sign_in_failed(
            user, origin.address, "wrong user name or password" if body.user else "wrong token"
        )
        detail = "this user name and password do not fit" if body.user else "this token is not known"
        raise HttpProblem(401, "wrong_credentials", detail)
    return known


@router.post("/logout", status_code=204)
async def logout(context: Context, user: Viewer, origin: Origin, response: Response) -> None:
    """Ends this session for good; its cookie opens nothing any more, wherever a copy of it is."""
    auth = context.auth
    if auth is None or user.how is not AuthMethod.SESSION:
        return
    auth.sessions.forget(user.session)
    secure = origin.scheme == "https"
    response.delete_cookie(cookie_name(origin), path="/", secure=secure, httponly=True, samesite="strict")
    try:
        await auth.sessions.save()
        await context.audit.note("logout", user.name, "web", address=origin.address)
    except OSError as error:
        # It is over in memory; it must not look as if it were over for good.
        detail = f"signed out, but that could not be written down ({error}): after a restart it would not be so"
        raise HttpProblem(503, "not_saved", detail) from None


def _session_info(context: AppContext, person: Person) -> SessionOut:
    if context.auth is None:
        return SessionOut(name=person.name, role=person.role, auth=person.how, csrf=None, expires_at=None)
    return context.auth.session_info(person)


def _set_cookie(response: Response, name: str, value: str, seconds: float, *, secure: bool, path: str = "/") -> None:
    response.set_cookie(name, value, max_age=int(seconds), path=path, httponly=True, samesite="strict", secure=secure)


async def _name_if_known(auth: Auth, typed: str) -> str:
    name = typed.strip().lower()
    return name if auth.users.user(name) else ""


async def _too_many(context: AppContext, body: Login, address: str, error: TooManyAttempts) -> HttpProblem:
    retry = {"Retry-After": str(error.retry_seconds)}
    SIGN_INS.add("too_many" if error.guessing else "busy")
    if not error.guessing:
        return HttpProblem(503, "busy", "too many people sign in at this moment; try again in a moment", retry)
    user = await _name_if_known(context.auth, body.user) if context.auth else ""
    log.warning("auth.too_many_attempts", user=user, address=address, retry_seconds=error.retry_seconds)
    await context.audit.sign_in_failed(user, address, "too many attempts")
    return HttpProblem(429, "too_many", f"too many attempts; try again in {_minutes(error.retry_seconds)}", retry)


def _minutes(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} minutes"
