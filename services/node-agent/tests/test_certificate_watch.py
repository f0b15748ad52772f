"""A certificate near its end: told once and in time, beside nothing else, and over when a new one is shown."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mesh_core.incidents.subject import subject_of
from mesh_core.incidents.wording import what_is_wrong
from mesh_core.models.events import Runtime, Severity
from node_agent.checks.check_result import Condition
from node_agent.investigation import certificate as room
from node_agent.investigation.question import Question
from node_agent.probe_base.certificate_watch import certificate_result
from node_agent.probe_base.probe import Backing
from node_agent.probes.http import HttpOptions, HttpProbe
from node_agent.probes.tcp import TcpOptions, TcpProbe
from node_agent.protocols.certificate import Certificate, read_certificate
from node_agent.protocols.connection import Endpoint

DAY, HOUR = 86400, 3600
Make = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """A certificate and its key in one file, good from some days ago until in some days; it vouches for itself."""
    count = 0

    def make(days_left: float, *, since_days: float = 60, names: str = "DNS:shop.example,IP:127.0.0.1") -> Path:
        nonlocal count
        count += 1
        folder = tmp_path / f"ca{count}"
        folder.mkdir()
        (folder / "index").touch()
        (folder / "serial").write_text("01\n")
        (folder / "conf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\nnew_certs_dir={folder}\ndatabase={folder}/index\nserial={folder}/serial\n"
            "policy=p\ndefault_md=sha256\nx509_extensions=x\n[p]\ncommonName=supplied\n"
            f"[x]\nsubjectAltName={names}\nbasicConstraints=critical,CA:TRUE\n[req]\ndistinguished_name=n\n[n]\n"
        )
        now = datetime.now(UTC)
        begin, end = (f"{now + timedelta(days=days):%Y%m%d%H%M%SZ}" for days in (-since_days, days_left))
        key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=shop.example -keyout key -out asked"
        sign = f"-selfsign -batch -notext -keyfile key -in asked -out signed -startdate {begin} -enddate {end}"
        for command in (f"req -config conf -new {key}", f"ca -config conf {sign}"):
            subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
        both = folder / "both.pem"
        both.write_text((folder / "signed").read_text() + (folder / "key").read_text())
        return both

    return make


def der_in(file: Path) -> bytes:
    text = file.read_text()
    return ssl.PEM_cert_to_DER_cert(text[: text.index("-----END CERT") + 26])


@asynccontextmanager
async def shop(shown: Path) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """A port that greets in TLS and answers each request, and the context that may load another certificate."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], context
    finally:
        server.close()


def test_a_certificate_says_its_dates_and_its_names_whoever_signed_it(made: Make) -> None:
    for days, names in ((5, "DNS:shop.example,DNS:*.shop.example,IP:127.0.0.1,IP:::1"), (20_000, "DNS:shop.example")):
        said = read_certificate(der_in(made(days, names=names)))
        assert said.names == tuple(name.partition(":")[2] for name in names.split(","))
        assert said.ends_at == pytest.approx(time.time() + days * DAY, abs=300)
        assert said.lifetime_seconds == pytest.approx((days + 60) * DAY, abs=1)


@pytest.mark.parametrize(
    ("lives", "left", "condition", "severity"),
    [
        (90 * DAY, 15 * DAY, Condition.HEALTHY, None),
        (90 * DAY, 14 * DAY, Condition.UNHEALTHY, Severity.WARNING),
        (90 * DAY, 4 * DAY, Condition.UNHEALTHY, Severity.WARNING),
        (90 * DAY, 3 * DAY, Condition.UNHEALTHY, Severity.ERROR),
        (3650 * DAY, -HOUR, Condition.UNHEALTHY, Severity.ERROR),
        (24 * HOUR, 9 * HOUR, Condition.HEALTHY, None),
        (24 * HOUR, 7 * HOUR, Condition.UNHEALTHY, Severity.WARNING),
        (24 * HOUR, 2 * HOUR, Condition.UNHEALTHY, Severity.ERROR),
        (6 * DAY, 3 * DAY, Condition.HEALTHY, None),
        (12 * DAY, 5 * DAY, Condition.HEALTHY, None),
    ],
)
def test_people_are_told_two_weeks_before_and_of_a_short_life_in_its_last_third(
    lives: float, left: float, condition: Condition, severity: Severity | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Certificate(1000.0, 1000.0 + lives, ("shop.example",), "3aad3dff")
    monkeypatch.setattr("node_agent.probe_base.certificate_watch.certificate_in", lambda der: shown)
    result = certificate_result("k", b"x", shown.ends_at - left, 14, {})
    assert result.condition is condition
    assert severity in (None, result.severity)
    assert result.service is None
    assert result.facts["left_seconds"] == max(0, left)


def test_what_shows_no_certificate_is_neither_well_nor_near_its_end() -> None:
    for shown in (b"", b"no certificate"):
        assert certificate_result("k", shown, 0.0, 14, {}).condition is Condition.UNKNOWN


async def test_near_its_end_it_is_trouble_of_the_node_until_another_one_is_shown(made: Make, watching: Any) -> None:
    async with shop(made(5)) as (port, context):
        about = {"verify_tls": False, "every_seconds": 0.2}
        backed = Backing(runtime=Runtime.SYSTEMD, name="nginx.service")
        url = f"https://127.0.0.1:{port}/"
        page = HttpProbe(HttpOptions(name="shop", url=url, backed_by=backed, **about))
        bare = TcpProbe(TcpOptions(name="mail", host="127.0.0.1", port=port, tls=True, **about))
        left_alone = HttpProbe(HttpOptions(name="printer", url=url, certificate_days=0, **about))
        async with watching(page, bare, left_alone) as watched:
            event = await watched.see(None, "node_online", "certificate_expiring", "certificate_expiring")
            assert event.severity is Severity.WARNING
            assert (event.payload["days_left"], event.payload["names"]) == (4, ["shop.example", "127.0.0.1"])
            assert event.payload["warn_seconds"] == 14 * DAY
            # Two targets, one certificate: one thing to decide.
            first, second = watched.of(None)[1:]
            assert subject_of(first) == subject_of(second)
            assert what_is_wrong(event) == f"certificate expiring: {event.payload['certificate']}"
            assert {e.payload["probe"]["name"] for e in (first, second)} == {"shop", "mail"}
            context.load_cert_chain(made(80))
            await watched.see(
                None,
                *("node_online", "certificate_expiring", "certificate_expiring"),
                *("service_recovered", "service_recovered"),
            )
        assert not [event for event in watched.events if event.service], "what shows it is well all the time"


async def test_run_out_it_is_one_trouble_and_what_else_fails_is_another(
    made: Make, watching: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, good = made(-1), made(80)
    monkeypatch.setenv("SSL_CERT_FILE", str(over))  # whom this process believes
    async with shop(over) as (port, context):
        probe = HttpProbe(HttpOptions(name="shop", url=f"https://127.0.0.1:{port}/", every_seconds=0.2))
        async with watching(probe) as watched:
            event = await watched.see(None, "node_online", "certificate_expiring")
            assert (event.severity, event.payload["left_seconds"]) == (Severity.ERROR, 0)
            assert watched.types("shop") == []
            monkeypatch.setenv("SSL_CERT_FILE", str(good))  # now it is one that nobody vouches for
            await watched.see("shop", "http_probe_failed")
            context.load_cert_chain(good)
            await watched.see("shop", "http_probe_failed", "service_recovered")
            await watched.see(None, "node_online", "certificate_expiring", "service_recovered")


async def test_what_shows_it_on_this_host_is_found_though_its_name_leads_elsewhere(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def shows(units: list[str], properties: str) -> list[dict[str, str]]:
        return [{"Id": unit, "CanReload": "yes"} for unit in units]

    shown, newer = made(5), made(80)
    live = tmp_path / "live" / "shop.example"
    live.mkdir(parents=True)
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal" / "shop.example.conf").touch()
    (live / "cert.pem").write_text(newer.read_text())
    monkeypatch.setattr(room, "CERTBOT", tmp_path)
    monkeypatch.setattr(room, "SECONDS", 60.0)
    monkeypatch.setattr(room, "unit_listening_on", lambda port: "front.service")
    monkeypatch.setattr("node_agent.host.systemctl.show", shows)
    async with shop(shown) as (port, _):
        asked = Question("certificate_expiring", {"address": f"127.0.0.1:{port}"}, time.monotonic() + 60)
        assert room.fits(asked)
        found = await asyncio.to_thread(room.look, asked)
        assert found.pop("left_seconds") == pytest.approx(5 * DAY, abs=300)
        assert found == {
            **{"names": ["shop.example", "127.0.0.1"], "manager": "certbot", "lineage": "shop.example"},
            **{"newer_on_disk": True, "address": "127.0.0.1", "port": port, "host": "127.0.0.1"},
            **{"unit": "front.service", "can_reload": True},
        }
        contained = replace(asked, host_files=False)
        assert (await asyncio.to_thread(room.look, contained)).keys() == {"left_seconds", "names"}
        backed = replace(asked, facts={**asked.facts, "backed_by": {"runtime": "docker", "name": "proxy"}})
        assert "unit" not in await asyncio.to_thread(room.look, backed)
        # Over a router, or by a name that only others know.
        away = Endpoint(host="shop.invalid", port=port)
        assert await room._place_here(away, read_certificate(der_in(shown))) == "127.0.0.1"
        assert await room._place_here(away, read_certificate(der_in(newer))) == ""
    asked = Question("certificate_expiring", {"address": f"127.0.0.1:{port}"}, time.monotonic() + 60)
    assert await asyncio.to_thread(room.look, asked) == {}
    assert not room.fits(Question("certificate_expiring", {"address": "unix"}, 0.0))


NAMES = "DNS:shop.example,DNS:www.shop.example"


def test_who_keeps_a_certificate_is_found_by_its_names_or_where_none_may_be_read_by_its_own(
    made: Make, tmp_path: Path
) -> None:
    shown = read_certificate(der_in(made(5, names=NAMES)))
    (tmp_path / "renewal").mkdir()
    newer = made(80, names="DNS:www.shop.example,DNS:shop.example")
    for name, file in (("a-0001", made(80, names="DNS:other.example")), ("shop.example-0002", None), ("cert", newer)):
        (tmp_path / "live" / name).mkdir(parents=True)
        (tmp_path / "renewal" / f"{name}.conf").touch()
        if file:
            (tmp_path / "live" / name / "cert.pem").write_text(file.read_text())
    lineages = [*room._by_certbot(tmp_path)]
    found = room.lineage_of(shown, lineages)
    assert found is not None
    assert (found.manager, found.name) == ("certbot", "cert")
    on_disk = room.certificate_at_path(found.file)
    assert on_disk is not None
    assert on_disk.ends_at > shown.ends_at
    older = room.Lineage("certbot", "old", made(2, names=NAMES))
    assert room.lineage_of(shown, [older, *lineages]) == found, "of two for the same names the newer one"
    its_own = room.lineage_of(read_certificate(der_in(older.file)), [*lineages, older])
    assert its_own == older, "but the one that holds what is shown before it"
    found.file.unlink()
    found = room.lineage_of(shown, lineages)
    assert found is not None
    assert found.name == "shop.example-0002"
    assert room.lineage_of(shown._replace(names=("none.example",)), lineages) is None


def test_other_managers_keep_certificates_too_and_step_only_where_a_unit_renews_them(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = read_certificate(der_in(made(5, names=NAMES)))
    newer = made(80, names=NAMES).read_text()
    acme, step = tmp_path / ".acme.sh", tmp_path / "step"
    assert [*room._by_certbot(tmp_path / "none"), *room._by_acme_sh(acme), *room._by_step(step)] == []
    (acme / "shop.example_ecc").mkdir(parents=True)
    (acme / "shop.example_ecc" / "shop.example.conf").touch()
    (acme / "shop.example_ecc" / "shop.example.cer").write_text(newer)
    found = room.lineage_of(shown, list(room._by_acme_sh(acme)))
    assert found is not None
    assert (found.manager, found.name) == ("acme.sh", "shop.example")
    step.mkdir()
    (step / "shop.crt").write_text(newer)
    assert list(room._by_step(step)) == [], "nothing renews it"
    (tmp_path / room.STEP_UNIT).touch()
    monkeypatch.setattr(room, "UNIT_FOLDERS", (tmp_path,))
    found = room.lineage_of(shown, list(room._by_step(step)))
    assert found is not None
    assert (found.manager, found.name) == ("step", "shop")
