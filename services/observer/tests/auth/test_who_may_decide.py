"""Whoever may not decide moves nothing, whatever they send; whoever may is written down. Asserted on the folders."""

from __future__ import annotations

import asyncio

import pytest
from auth_rig import BOT, EYE, VIC, ServedApp, error_of, yes

from mesh_core.models.proposals import Folder
from observer.audit.silences import SilenceSource


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
