"""Whoever may not decide moves nothing, whatever they send; whoever may is written down. Asserted on the folders."""

from __future__ import annotations

import asyncio
import os

import pytest
from auth_rig import ADA, BOT, EYE, ORIGIN, VIC, ServedApp, add_people, error_of

from mesh_core.approvals.proposal_files import ActionName, approval_at
from mesh_core.models.proposals import Folder
from mesh_core.security.sign_in_links import make_link, person_name
from mesh_core.security.users import Role, User, change_people, people_path
from observer.audit.silences import SilenceSource
from observer.audit.text import who_and_how
from observer.auth.auth import COOKIE

SINCE = "2026-05-05T12:00:00.000Z"
ME = person_name(os.getuid())


def yes(name: ActionName) -> tuple[str, dict[str, str]]:
    return f"/proposals/{name.id}/approve", {"digest": name.digest}


async def test_an_operator_signs_in_and_approves_and_the_log_says_who_from_where(app: ServedApp) -> None:
    name = app.propose()
    async with app.browser("192.168.1.7") as ada:
        assert error_of(await ada.http.get("/session")) == (401, "unauthenticated")
        told = (await ada.sign_in()).json()
        assert (told["name"], told["role"], told["auth"]) == ("ada", "operator", "session")
        assert (await ada.http.get("/session")).json() == told
        answer = await ada.post(*yes(name))
        assert (answer.status_code, answer.json()["folder"]) == (200, "approved")
    assert app.lies_in(name) == [Folder.APPROVED]
    line = app.lines()[-1]
    assert (line.what, line.who, line.how, line.address) == ("approve", "ada", "web", "192.168.1.7")
    assert (line.action_id, line.digest, line.from_folder, line.to_folder) == (
        name.id,
        name.digest,
        "pending",
        "approved",
    )


async def test_every_verb_of_the_web_leaves_one_line(app: ServedApp) -> None:
    first, second = app.propose(service="a"), app.propose(service="b")
    async with app.browser() as ada:
        await ada.sign_in()
        await ada.post(f"/proposals/{first.id}/reject", {"digest": first.digest, "reason": "not now"})
        text = (app.actions.folder(Folder.PENDING) / second.file).read_text()
        edited = text.replace("it died and does not run any more", "it died, and ada looked at it herself")
        answer = await ada.post(f"/proposals/{second.id}/edit", {"digest": second.digest, "text": edited})
        assert answer.status_code == 200, answer.text
        await ada.post("/logout")
    assert app.noted() == [(what, "ada", "web") for what in ("login", "reject", "edit", "logout")]
    assert [line.reason for line in app.lines()][1] == "not now"
    assert app.lines()[2].digest == answer.json()["digest"] != second.digest


async def test_a_viewer_looks_but_moves_nothing(app: ServedApp) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as vic, app.program(authorization=f"Bearer {EYE}") as eye:
        await vic.sign_in("vic", VIC)
        assert (await vic.http.get("/proposals")).json()["total"] == 1
        assert (await eye.get("/proposals")).json()["total"] == 1
        for path, body in (
            yes(name),
            (f"/proposals/{name.id}/reject", {"digest": name.digest, "reason": "no"}),
            (f"/proposals/{name.id}/edit", {"digest": name.digest, "text": "{}"}),
            (f"/proposals/{name.id}/retry", {}),
            (f"/proposals/{name.id}/undo", {}),
            ("/requests/req-0123456789ab/preview", {}),
            ("/playbook", {"message": "install nginx", "inventory": "pi4"}),
        ):
            assert error_of(await vic.post(path, body)) == (403, "forbidden")
            assert error_of(await eye.post(path, json=body)) == (403, "forbidden")
        assert error_of(await vic.http.get("/audit")) == (403, "forbidden")
    assert app.folders() == before


async def test_a_token_decides_without_cookie_or_csrf_and_by_its_own_name(app: ServedApp) -> None:
    name = app.propose()
    async with app.program(authorization=f"Bearer {BOT}") as bot:
        path, body = yes(name)
        assert (await bot.post(path, json=body)).status_code == 200
        assert (await bot.get("/session")).json()["csrf"] is None
    assert app.noted() == [("approve", "bot", "web")]


@pytest.mark.parametrize(
    "authorization",
    ["Bearer wrong", f"Bearer {BOT}x", f"Basic {BOT}", BOT, "Bearer", "Bearer ", f"Bearer {BOT[:-1]}", "Bearer \xff"],
)
async def test_a_wrong_token_moves_nothing(app: ServedApp, authorization: str) -> None:
    name = app.propose()
    before = app.folders()
    path, body = yes(name)
    async with app.program() as http:
        answer = await http.post(path, json=body, headers={b"authorization": authorization.encode("latin-1")})
    assert error_of(answer) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert app.folders() == before


async def test_a_wrong_token_is_not_made_good_by_a_cookie(app: ServedApp) -> None:
    async with app.browser() as ada:
        await ada.sign_in()
        assert error_of(await ada.http.get("/session", headers={"Authorization": "Bearer x"})) == (
            401,
            "unauthenticated",
        )


async def test_nobody_moves_nothing_and_reads_nothing(app: ServedApp) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as stranger:
        assert error_of(await stranger.post(*yes(name))) == (401, "unauthenticated")
        for path in (
            "/world",
            "/proposals",
            f"/proposals/{name.id}",
            "/runs",
            "/stream",
            "/audit",
            "/openapi.json",
            "/x",
        ):
            assert error_of(await stranger.http.get(path)) == (401, "unauthenticated")
    assert app.folders() == before


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


async def test_where_nobody_is_listed_a_link_lets_its_maker_in_once_and_the_log_names_them(
    by_link: ServedApp,
) -> None:
    name = by_link.propose()
    link = make_link(by_link.runtime)
    async with by_link.browser() as me:
        told = (await me.sign_in(link=link)).json()
        assert (told["name"], told["role"], told["auth"]) == (ME, "operator", "session")
        me.csrf = ""
        assert error_of(await me.post(*yes(name))) == (403, "csrf")
        me.csrf = told["csrf"]
        assert error_of(await me.post(*yes(name), Origin="http://evil.example")) == (403, "cross_origin")
        assert by_link.lies_in(name) == [Folder.PENDING]
        assert (await me.post(*yes(name))).status_code == 200
    async with by_link.browser() as second:
        answer = await second.sign_in(link=link)
        assert error_of(answer) == (401, "link_spent")
        assert "mend page" in answer.json()["detail"]
        assert error_of(await second.http.get("/world")) == (401, "link_needed")
    assert by_link.noted() == [("login", ME, "web"), ("approve", ME, "web")]
    approval = approval_at(by_link.actions.folder(Folder.APPROVED) / f"{name.file}.by.txt")
    assert approval.actor == f"{ME.partition(' ')[0]} (web) (uid {os.getuid()})"
    assert who_and_how(approval.actor, os.getuid())[1] == "web"


async def test_where_nobody_is_listed_who_has_no_link_reads_and_moves_nothing(by_link: ServedApp) -> None:
    name = by_link.propose()
    before = by_link.folders()
    async with by_link.browser() as stranger, by_link.program() as program:
        for path in ("/session", "/world", "/proposals", f"/proposals/{name.id}", "/runs", "/stream", "/audit"):
            assert error_of(await stranger.http.get(path)) == (401, "link_needed")
            assert error_of(await program.get(path)) == (401, "link_needed")
        assert error_of(await stranger.post(*yes(name))) == (401, "link_needed")
        assert error_of(await stranger.sign_in()) == (401, "link_needed")
        for guess in ("x", "../sign-in", "a" * 128):
            assert error_of(await stranger.sign_in(link=guess)) == (401, "link_spent")
        make_link(by_link.runtime)
        (digest,) = (by_link.runtime / "state" / "sign-in").iterdir()
        assert error_of(await stranger.sign_in(link=digest.name)) == (401, "link_spent")
        # However often somebody guesses, whoever has a link comes in.
        for _ in range(100):
            await stranger.sign_in(link="guess")
        assert (await stranger.sign_in(link=make_link(by_link.runtime))).status_code == 200
    assert by_link.folders() == before
    assert by_link.noted() == [("login", ME, "web")]


async def test_of_two_with_one_link_one_comes_in(by_link: ServedApp) -> None:
    link = make_link(by_link.runtime)
    async with by_link.browser() as one, by_link.browser() as other:
        answers = await asyncio.gather(one.sign_in(link=link), other.sign_in(link=link))
    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_a_link_opens_nothing_any_more_as_soon_as_there_is_a_user(by_link: ServedApp) -> None:
    name = by_link.propose()
    before = by_link.folders()
    async with by_link.browser() as me, by_link.browser() as late:
        await me.sign_in(link=make_link(by_link.runtime))
        add_people(by_link.runtime)
        assert error_of(await me.post(*yes(name))) == (401, "unauthenticated")
        assert error_of(await late.sign_in(link=make_link(by_link.runtime))) == (401, "wrong_credentials")
    assert by_link.folders() == before


async def test_two_who_approve_at_once_one_wins_the_other_is_told_and_one_line_is_written(app: ServedApp) -> None:
    name = app.propose()
    async with app.browser() as ada, app.program(authorization=f"Bearer {BOT}") as bot:
        await ada.sign_in()
        path, body = yes(name)
        answers = await asyncio.gather(ada.post(path, body), bot.post(path, json=body))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert sum(line.what == "approve" for line in app.lines()) == 1


async def test_when_the_log_cannot_be_written_nothing_is_decided_here(app: ServedApp) -> None:
    name = app.propose()
    before = app.folders()
    async with app.browser() as ada:
        await ada.sign_in()
        app.auditor.log.close()
        assert error_of(await ada.post(*yes(name))) == (503, "audit_down")
    assert app.folders() == before


async def test_what_silences_a_place_takes_an_operator_too(app: ServedApp) -> None:
    wanted = {"kind": "maintenance", "node": "pi4", "seconds": 600, "reason": "new disk"}
    async with app.browser() as ada, app.browser() as vic:
        await vic.sign_in("vic", VIC)
        assert error_of(await vic.post("/silences", wanted)) == (403, "forbidden")
        assert not list((app.runtime / "silences").glob("*.json"))
        await ada.sign_in()
        made = await ada.post("/silences", wanted)
        assert made.status_code == 201
        await SilenceSource(app.runtime, app.auditor).look()
        path = f"/silences/{made.json()['silence']['id']}"
        assert error_of(await vic.http.delete(path, headers={"X-CSRF-Token": vic.csrf})) == (403, "forbidden")
        assert (await ada.http.delete(path, headers={"X-CSRF-Token": ada.csrf})).status_code == 200
        await SilenceSource(app.runtime, app.auditor).look()
    assert app.noted()[2:] == [("silence", "ada", "web"), ("silence_over", "ada", "web")]


async def test_operators_read_the_log_in_pages_and_by_name(app: ServedApp) -> None:
    names = [app.propose(service=f"s{n}") for n in range(7)]
    async with app.browser() as ada:
        await ada.sign_in()
        for name in names:
            assert (await ada.post(*yes(name))).status_code == 200
        first = (await ada.http.get("/audit", params={"limit": 3})).json()
        second = (await ada.http.get("/audit", params={"limit": 10, "cursor": first["next"]})).json()
        assert [line["seq"] for line in first["items"] + second["items"]] == list(range(8, 0, -1))
        assert second["next"] is None
        found = (await ada.http.get("/audit", params={"what": "login"})).json()
        assert [line["who"] for line in found["items"]] == ["ada"]
        one = (await ada.http.get("/audit", params={"action_id": names[2].id})).json()
        assert [line["digest"] for line in one["items"]] == [names[2].digest]


async def test_every_answer_tells_the_browser_to_run_nothing_of_others(app: ServedApp) -> None:
    async with app.browser() as ada:
        for answer in (await ada.http.get("/session"), await ada.sign_in(), await ada.http.get("/nothing")):
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert "default-src 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in answer.headers


async def test_the_cookie_is_kept_from_scripts_and_other_sites_and_sent_over_tls_only_where_there_is_tls(
    app: ServedApp,
) -> None:
    async with app.browser() as ada:
        cookie = (await ada.sign_in()).headers["set-cookie"].lower()
    assert cookie.startswith(f"{COOKIE}=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    kept = (app.runtime / "state" / "sessions.json").read_text()
    assert cookie.split("=")[1].split(";")[0] not in kept.lower()


async def test_health_is_asked_by_anybody_metrics_by_who_may_look_and_hooks_by_no_page(app: ServedApp) -> None:
    async with (
        app.program() as stranger,
        app.program(authorization=f"Bearer {EYE}") as eye,
        app.browser() as page,
    ):
        assert (await stranger.get(f"{ORIGIN}/healthz", headers={"Host": "observer:8686"})).status_code != 403
        assert error_of(await stranger.get(f"{ORIGIN}/metrics")) == (401, "unauthenticated")
        shown = await eye.get(f"{ORIGIN}/metrics", headers={"Host": "observer:8686"})
        assert shown.status_code == 200
        assert "mesh_sign_ins_total" in shown.text
        assert error_of(await page.http.post(f"{ORIGIN}/hooks/generic", json={})) == (403, "cross_origin")
        assert (await stranger.post(f"{ORIGIN}/hooks/generic", json={})).status_code != 403


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("127.0.0.1:8686", True),
        ("localhost:8686", True),
        ("[::1]:8686", True),
        ("192.168.1.5:8686", True),  # no page has an address for a name
        ("rebound.example:8686", False),
        ("pi4.lan:8686", False),  # a neighbour could claim it
        ("", False),
    ],
)
async def test_with_nobody_listed_a_page_that_bound_its_name_anew_reads_no_numbers(
    by_link: ServedApp, host: str, told: bool
) -> None:
    async with by_link.program(host=host) as asked:
        for path in ("/metrics", "/readyz"):
            answer = await asked.get(f"{ORIGIN}{path}")
            assert (answer.status_code != 403) is told
            assert told or error_of(answer) == (403, "host")
        assert (await asked.get(f"{ORIGIN}/healthz")).status_code != 403
