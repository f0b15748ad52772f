"""A session that is old, replayed, forged, of another site or of somebody who may no more moves nothing."""

from __future__ import annotations

import pytest
from auth_rig import ADA, VIC, ServedApp, error_of, yes

from mesh_core.models.proposals import Folder
from mesh_core.security.users import Role, User, change_people, people_path
from observer.auth.auth import COOKIE

SINCE = "2026-05-05T12:00:00.000Z"


async def test_an_expired_session_moves_nothing_whether_idle_or_old(app: ServedApp) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as idle, app.browser() as busy:
        await idle.sign_in()
        await busy.sign_in()
        for _ in range(24):
            app.moment[0] += 3590
            assert (await busy.http.get("/session")).status_code == 200
        assert error_of(await idle.post(*yes(name))) == (401, "unauthenticated")
        app.moment[0] += 300
        assert error_of(await busy.post(*yes(name))) == (401, "unauthenticated")
    assert app.folders() == before


async def test_a_cookie_that_is_replayed_after_logout_moves_nothing_also_after_a_restart(app: ServedApp) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as ada, app.browser() as thief:
        await ada.sign_in()
        thief.http.cookies.set(COOKIE, ada.http.cookies[COOKIE], domain="127.0.0.1")
        thief.csrf = ada.csrf
        assert (await thief.http.get("/session")).status_code == 200
        assert (await ada.post("/logout")).status_code == 204
        assert COOKIE not in ada.http.cookies
        assert error_of(await thief.post(*yes(name))) == (401, "unauthenticated")
    assert app.folders() == before
    kept = (app.runtime / "state" / "sessions.json").read_text()
    assert '"sessions": {}' in kept


@pytest.mark.parametrize("forged", ["", "0" * 64, "another session's", "\u00e9"])
async def test_a_forged_csrf_token_moves_nothing(app: ServedApp, forged: str) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as ada, app.browser() as other:
        await ada.sign_in()
        await other.sign_in()
        ada.csrf = other.csrf if forged == "another session's" else forged
        path, body = yes(name)
        answer = await ada.http.post(path, json=body, headers={b"x-csrf-token": ada.csrf.encode()})
        assert error_of(answer) == (403, "csrf")
        assert error_of(await ada.http.post("/logout", headers={b"x-csrf-token": b""})) == (403, "csrf")
    assert app.folders() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8687"},
        {"Origin": "http://127.0.0.1.evil.example:8686"},
        {"Origin": "http://127.0.0.1:8686.evil.example"},
        {"Origin": "ftp://127.0.0.1:8686"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_post_from_another_site_moves_nothing_even_with_cookie_and_csrf(
    app: ServedApp, headers: dict[str, str]
) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as ada:
        await ada.sign_in()
        assert error_of(await ada.post(*yes(name), **headers)) == (403, "cross_origin")
        answer = await ada.http.post("/login", json={"user": "ada", "password": ADA}, headers=headers)
        assert error_of(answer) == (403, "cross_origin")
    assert app.folders() == before


async def test_a_form_of_another_site_is_no_request_of_ours(app: ServedApp) -> None:
    """What a page can send without asking first: text/plain, no header of its own; the cookie would go along."""
    name = app.propose()
    before = app.folders()
    async with app.browser() as ada:
        await ada.sign_in()
        path, _ = yes(name)
        body = f'{{"digest": "{name.digest}", "x": "='.encode()
        answer = await ada.http.post(path, content=body, headers={"Content-Type": "text/plain"})
        assert error_of(answer) == (403, "csrf")
    assert app.folders() == before


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8686", "127.0.0.1.evil.example", "", "a@127.0.0.1", "x/127.0.0.1"]
)
async def test_a_rebound_host_name_reaches_nothing(app: ServedApp, by_link: ServedApp, host: str) -> None:
    name = app.propose()
    before = app.folders()
    for one in (app, by_link):
        async with one.browser() as rebound:
            rebound.http.headers.update({"Host": host, "Origin": f"http://{host}"})
            assert error_of(await rebound.http.get("/session")) == (403, "host")
            assert error_of(await rebound.post(*yes(name))) == (403, "host")
            assert error_of(await rebound.http.post("/login", json={"user": "ada", "password": ADA})) == (403, "host")
    assert app.folders() == before


async def test_a_new_password_ends_every_session_at_once(app: ServedApp) -> None:
    name = app.propose()
    async with app.browser() as laptop, app.browser() as phone, app.browser() as vic:
        await laptop.sign_in()
        await phone.sign_in()
        await vic.sign_in("vic", VIC)
        new = User(role=Role.OPERATOR, password=app.auth.users.people().users["vic"].password, since=SINCE)
        change_people(people_path(app.runtime), lambda p: p.with_user("ada", new))
        for old in (laptop, phone):
            assert error_of(await old.post(*yes(name))) == (401, "unauthenticated")
        assert (await vic.http.get("/session")).status_code == 200
        assert (await laptop.sign_in("ada", VIC)).status_code == 200
    assert app.lies_in(name) == [Folder.PENDING]


async def test_who_is_made_a_viewer_or_taken_away_may_decide_no_more_from_that_moment(app: ServedApp) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as ada:
        await ada.sign_in()
        old = app.auth.users.people().users["ada"]
        weaker = User(role=Role.VIEWER, password=old.password, since=SINCE)
        change_people(people_path(app.runtime), lambda p: p.with_user("ada", weaker))
        assert error_of(await ada.post(*yes(name))) == (403, "forbidden")
        change_people(people_path(app.runtime), lambda p: p.with_user("ada", None))
        assert error_of(await ada.post(*yes(name))) == (401, "unauthenticated")
    assert app.folders() == before


async def test_a_broken_users_file_lets_nobody_in_and_says_so(app: ServedApp) -> None:
    async with app.browser() as ada:
        await ada.sign_in()
        people_path(app.runtime).write_text("users: [")
        assert error_of(await ada.http.get("/session")) == (503, "users_unusable")
        assert error_of(await ada.sign_in()) == (503, "users_unusable")
        people_path(app.runtime).unlink()
        # A deleted file opens no door either.
        assert error_of(await ada.http.get("/session")) == (401, "unauthenticated")
