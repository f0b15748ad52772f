"""Guesses run out soon, tell nothing, cost little, and fill no disk; who knows the password still comes in."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from auth_rig import ADA, BOT, EYE, SINCE, VIC, ServedApp, add_people, error_of, serve_app
from limits import RateLimitItemPerHour

from mesh_core.runtime.metrics import SIGN_INS
from mesh_core.security.passwords import hash_password
from mesh_core.security.users import Role, User, change_people, people_path
from mesh_core.testing import free_port
from observer.auth.login import MOST_WAITING, STRANGERS, LoginVerifier, TooManyAttempts

pytestmark = pytest.mark.slow  # each password that is checked costs what Argon2 shall cost


async def test_guessing_ends_after_five_tries_and_moves_nothing(app: ServedApp) -> None:
    app.propose()
    before = app.folders()
    async with app.browser("10.0.0.66") as thief:
        for _ in range(5):
            assert error_of(await thief.sign_in("ada", "a guess")) == (401, "wrong_credentials")
        blocked = await thief.sign_in("ada", ADA)
        assert error_of(blocked) == (429, "too_many")
        assert 0 < int(blocked.headers["retry-after"]) <= 900
        assert "set-cookie" not in blocked.headers
        shown = SIGN_INS.text()
        assert 'result="too_many"} 0' not in shown
        assert 'result="wrong"} 0' not in shown
    async with app.browser("10.0.0.7") as ada:  # the same name from elsewhere
        assert (await ada.sign_in()).status_code == 200
    assert app.folders() == before
    failed = [(line.who, line.address, line.reason) for line in app.lines() if line.what == "login_failed"]
    assert failed[0] == ("ada", "10.0.0.66", "wrong user name or password")
    assert failed[-1] == ("ada", "10.0.0.66", "too many attempts")


async def test_one_place_cannot_try_many_names(app: ServedApp) -> None:
    statuses = []
    for n in range(24):
        # One household's many IPv6 addresses are one place.
        async with app.browser(f"2001:db8:1:2::{n + 1:x}") as thief:
            statuses.append((await thief.sign_in(f"user{n}", "a guess")).status_code)
    assert statuses == [401] * 20 + [429] * 4


async def test_a_good_sign_in_forgives_the_typos_before_it(app: ServedApp) -> None:
    async with app.browser() as ada:
        for _ in range(3):
            for _ in range(4):
                assert (await ada.sign_in("ada", "typo")).status_code == 401
            assert (await ada.sign_in(" ADA ")).status_code == 200


async def test_a_name_that_nobody_has_takes_as_long_and_reads_the_same_as_a_wrong_password(app: ServedApp) -> None:
    dear = User(role=Role.OPERATOR, password=hash_password(ADA), since=SINCE)
    change_people(people_path(app.runtime), lambda people: people.with_user("ada", dear))
    signing = app.auth.login

    async def seconds(name: str) -> float:
        started = time.process_time()
        assert await signing.check(name, "a guess", "", f"10.0.0.{len(taken) + 1}") is None
        return time.process_time() - started

    taken: list[float] = []
    await seconds("warm")
    known, unknown = [], []
    for _ in range(5):
        taken.append(await seconds("ada"))
        known.append(taken[-1])
        taken.append(await seconds("nobody"))
        unknown.append(taken[-1])
    assert 0.5 < statistics.median(known) / statistics.median(unknown) < 2
    async with app.browser() as http:
        answers = [await http.sign_in(name, "a guess") for name in ("ada", "nobody", "web", "eye", "x" * 128)]
        assert len({answer.text for answer in answers}) == 1


async def test_a_token_signs_in_on_the_page_too_and_its_session_ends_with_it(app: ServedApp) -> None:
    async with app.browser() as page:
        assert error_of(await page.sign_in(token=BOT + "x")) == (401, "wrong_credentials")
        told = (await page.sign_in(token=EYE)).json()
        assert (told["name"], told["role"], told["auth"]) == ("eye", "viewer", "session")
        # A token is no password, and a password no token.
        assert (await page.sign_in("eye", EYE)).status_code == 401
        assert (await page.sign_in(token=ADA)).status_code == 401


async def test_many_sign_ins_at_once_are_checked_one_by_one_and_the_rest_is_told_to_wait(app: ServedApp) -> None:
    signing = LoginVerifier(app.auth.users, app.auth.devices)
    asked = [asyncio.create_task(signing.check("ada", "a guess", "", f"10.1.0.{n}")) for n in range(MOST_WAITING + 4)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    busy = [result for result in results if isinstance(result, TooManyAttempts)]
    assert len(busy) == 4
    assert not any(result.guessing for result in busy)
    assert [result for result in results if result is not None and not isinstance(result, TooManyAttempts)] == []
    assert (await signing.check("ada", ADA, "", "10.1.1.1")) is not None
    await signing.close()


@pytest.fixture
def long_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one minute allows, for an hour: seventy guesses may take a busy machine more than a minute."""
    assert (STRANGERS.amount, STRANGERS.get_expiry()) == (60, 60)
    monkeypatch.setattr("observer.auth.login.STRANGERS", RateLimitItemPerHour(STRANGERS.amount))


@pytest.mark.usefixtures("long_minute")
async def test_all_together_cannot_guess_faster_than_sixty_times_a_minute(app: ServedApp) -> None:
    signing = LoginVerifier(app.auth.users, app.auth.devices)
    refused = 0
    for n in range(70):
        try:
            await signing.check("", "", "no token", f"10.2.{n}.1")
        except TooManyAttempts as error:
            refused += error.guessing
    assert refused == 10
    await signing.close()


@pytest.mark.usefixtures("long_minute")
async def test_a_flood_of_guesses_locks_nobody_out_of_a_browser_that_was_signed_in_before(app: ServedApp) -> None:
    async with app.browser("10.0.0.7") as ada, app.browser("10.0.0.7") as thief:
        assert (await ada.sign_in()).status_code == 200
        app.moment[0] += 30 * 86_400  # the session is long over
        for n in range(70):  # from her own place, under her own name, and from everywhere
            await thief.sign_in("ada", f"guess {n}")
            async with app.browser(f"10.3.{n}.1") as far:
                last = await far.sign_in("ada", "a guess")
        assert error_of(last) == (429, "too_many")
        assert error_of(await thief.sign_in("ada", ADA)) == (429, "too_many")
        assert (await ada.sign_in()).status_code == 200
        # Guesses with her own browser end, too.
        assert [(await ada.sign_in("ada", "a guess")).status_code for _ in range(11)] == [401] * 10 + [429]


async def test_a_right_token_is_never_counted_as_a_guess(app: ServedApp) -> None:
    async with app.browser() as page:
        for n in range(25):
            await page.sign_in(token=f"wrong {n}")
        assert (await page.sign_in(token=BOT)).status_code == 200


async def test_a_browsers_mark_is_of_one_person_and_one_password(app: ServedApp) -> None:
    devices = app.auth.devices
    cookie = devices.cookie_for("ada", "mark")
    assert devices.known(cookie, "ada", "mark")
    assert not devices.known(cookie, "vic", "mark")
    assert not devices.known(cookie, "ada", "of a new password")
    assert not devices.known("0" * 16 + ".", "ada", "mark")


async def test_a_name_in_the_wrong_field_is_written_nowhere(app: ServedApp) -> None:
    """Who types a password where the name belongs must not read it in the log later."""
    async with app.browser() as ada:
        await ada.sign_in("my secret pass phrase", "ada")
    assert "secret pass phrase" not in (app.runtime / "audit" / "audit.jsonl").read_text()
    assert app.lines()[-1].who == "somebody"


async def test_a_flood_of_failures_is_counted_and_does_not_fill_the_log(
    app: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.auditor, "_wall", lambda: 1_800_000_000.0)  # no hour turns in between
    for n in range(100):
        await app.auditor.sign_in_failed("ada", "10.0.0.1", f"guess {n}")
    assert len(app.lines()) == 60


async def test_a_trusted_proxy_names_the_client_and_nobody_else_can(tmp_path: Path) -> None:
    add_people(tmp_path)
    own = {"loopback": False, "proxies": "10.9.0.0/16", "hosts": "mend.example"}
    async with serve_app(tmp_path, f"redis://127.0.0.1:{free_port()}/0", **own) as app:  # type: ignore[arg-type]
        said = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.9.0.1", "X-Forwarded-Proto": "https"}
        page = {"Host": "mend.example", "Origin": "https://mend.example"}
        async with app.browser("10.9.0.2", **said, **page) as far:
            cookie = (await far.sign_in("vic", VIC)).headers["set-cookie"]
            assert cookie.startswith("__Host-mend_session=")
            assert "secure" in cookie.lower()
        async with app.browser(
            "198.51.100.4", **said, **{"Host": "mend.example", "Origin": "http://mend.example"}
        ) as liar:
            cookie = (await liar.sign_in("vic", VIC)).headers["set-cookie"]
            assert cookie.startswith("mend_session=")
        assert [line.address for line in app.lines()] == ["203.0.113.9", "198.51.100.4"]


def test_a_check_gives_its_memory_back(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from concurrent.futures import ThreadPoolExecutor\n"
        "from mesh_core.security.passwords import hash_password, password_fits\n"
        "from observer.auth.credentials import UserStore; from observer.auth.login import LoginVerifier\n"
        "from observer.auth.devices import DeviceCookies\n"
        "rss = lambda: int(open('/proc/self/status').read().split('VmRSS:')[1].split()[0]) / 1024\n"
        "LoginVerifier(UserStore(Path('none'), {}, loopback=True), DeviceCookies(str)); before = rss()\n"
        "with ThreadPoolExecutor(1) as pool:\n"
        "    hashed = pool.submit(hash_password, 'a password').result()\n"
        "    [pool.submit(password_fits, hashed, 'another').result() for _ in range(3)]\n"
        "    print(rss() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert float(done.stdout) < 10  # one check needs 19 MiB while it lasts
