"""Where nobody is listed a link lets its maker in, once; who has none reads and moves nothing."""

from __future__ import annotations

import asyncio
import os

from auth_rig import ServedApp, add_people, error_of, yes

from mesh_core.approvals.proposal_files import approval_at
from mesh_core.models.proposals import Folder
from mesh_core.security.sign_in_links import make_link, person_name
from observer.audit.text import who_and_how

ME = person_name(os.getuid())


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
