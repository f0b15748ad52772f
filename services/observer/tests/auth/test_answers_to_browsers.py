"""What every answer tells a browser, and who may ask for health, metrics and hooks."""

from __future__ import annotations

import pytest
from auth_rig import EYE, ORIGIN, ServedApp, error_of

from observer.auth.auth import COOKIE


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
        by_head = await stranger.head(f"{ORIGIN}/healthz", headers={"Host": "observer:8686"})
        assert (by_head.status_code, by_head.text) == ((await stranger.get(f"{ORIGIN}/healthz")).status_code, "")
        assert error_of(await stranger.get(f"{ORIGIN}/metrics")) == (401, "unauthenticated")
        shown = await eye.get(f"{ORIGIN}/metrics", headers={"Host": "observer:8686"})
        assert shown.status_code == 200
        assert "mesh_sign_ins_total" in shown.text
        assert error_of(await page.http.post(f"{ORIGIN}/hooks/generic", json={})) == (403, "cross_origin")
        assert error_of(await page.http.post(f"{ORIGIN}/hooks/any", data={"title": "x"})) == (403, "cross_origin")
        assert (await stranger.post(f"{ORIGIN}/hooks/generic", json={})).status_code != 403


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/hooks/any", "/api/v1/proposals", "/api/v1/nothing"])
async def test_a_slash_at_the_end_changes_nothing_and_sends_nobody_elsewhere(app: ServedApp, path: str) -> None:
    """A redirect would name http://, also where a proxy speaks TLS, and the key would follow it in clear."""
    for headers in ({}, {"authorization": f"Bearer {EYE}"}):
        async with app.program(**headers) as asked:
            without = (
                await asked.post(f"{ORIGIN}{path}", json={}) if "hooks" in path else await asked.get(f"{ORIGIN}{path}")
            )
            slashed = f"{ORIGIN}{path}/"
            answer = await asked.post(slashed, json={}) if "hooks" in path else await asked.get(slashed)
            assert answer.status_code == without.status_code < 600
            assert answer.status_code // 100 != 3
            assert "location" not in answer.headers


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
