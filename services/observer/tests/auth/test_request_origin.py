"""Where a request came from, as pure functions: hosts, origins, proxies, tokens given by setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_core.runtime.settings import BadSettings, read_settings
from mesh_core.security.users import Role
from observer.auth.credentials import read_tokens
from observer.auth.request_origin import (
    OriginRules,
    RequestOrigin,
    from_another_site,
    host_allowed,
    is_loopback,
    neighbourhood,
    origin_of,
    own_names,
    read_hosts,
    read_networks,
    split_host,
)
from observer.settings import ObserverSettings
from observer.startup import auth_or_exit

RULES = OriginRules(
    own_names("192.168.1.5", "pi4"),
    read_hosts("mend.example.org:443, other.example"),
    read_networks("10.0.0.0/8, ::1"),
)
TOKEN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("host", "open_door", "required"),
    [
        ("127.0.0.1:8686", True, True),
        ("localhost", True, True),
        ("LOCALHOST.:8686".lower(), True, True),
        ("[::1]:8686", True, True),
        ("pi4:8686", False, True),
        ("pi4.local", False, True),
        ("pi4.lan", False, True),
        ("mend.example.org", True, True),
        # An address cannot be rebound; but on loopback nobody comes by another one.
        ("192.168.1.77:8686", False, True),
        ("[fe80::1]:8686", False, True),
        ("evil.example", False, False),
        ("pi4.evil.example", False, False),
        ("localhost.evil.example", False, False),
        ("", False, False),
        (":8686", False, False),
        ("localhost:x", False, False),
        ("localhost/evil.example", False, False),
        ("evil.example@localhost", False, False),
        ("2130706433", False, False),  # 127.0.0.1 as one number
    ],
)
def test_which_names_are_ours(host: str, open_door: bool, required: bool) -> None:
    assert host_allowed(host, RULES, only_loopback=True) is open_door
    assert host_allowed(host, RULES, only_loopback=False) is required


def come(peer: str = "203.0.113.5", scheme: str = "http", **headers: str) -> RequestOrigin:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return origin_of(peer, scheme, raw, RULES)


def test_forwarded_headers_are_believed_only_of_our_own_proxies_and_only_up_to_the_first_stranger() -> None:
    far = {"x_forwarded_for": "6.6.6.6, 198.51.100.9, 10.1.1.1", "x_forwarded_proto": "https"}
    assert come("10.0.0.2", **far).address == "198.51.100.9"
    assert come("10.0.0.2", **far).scheme == "https"
    assert come("203.0.113.5", **far).address == "203.0.113.5"
    assert come("203.0.113.5", **far).scheme == "http"
    assert come("10.0.0.2", x_forwarded_for="nonsense, 10.1.1.1").address == "10.1.1.1"
    assert come("10.0.0.2").address == "10.0.0.2"
    assert come("::ffff:10.0.0.2", x_forwarded_for="2001:db8::1").address == "2001:db8::1"
    assert come("10.0.0.2", x_forwarded_for="[2001:db8::1], [::ffff:10.1.1.1]").address == "2001:db8::1"


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "another"),
    [
        ("http", "localhost:8686", "http://localhost:8686", False),
        ("http", "mend.example", "https://mend.example", False),  # TLS ends at a proxy that says nothing
        ("http", "mend.example:443", "https://mend.example", False),
        ("https", "mend.example", "http://mend.example", True),
        ("http", "localhost:8686", "http://localhost:8687", True),
        ("http", "localhost:8686", "http://127.0.0.1:8686", True),
        ("http", "[::1]:8686", "http://[::1]:8686", False),
        ("http", "localhost:8686", "null", True),
        ("http", "localhost:8686", "", True),
        ("http", "localhost:8686", "http://localhost:x", True),
    ],
)
def test_whose_page_it_was(scheme: str, host: str, origin: str, another: bool) -> None:
    assert from_another_site(come(scheme=scheme, host=host, origin=origin)) is another


def test_a_program_sends_no_origin_and_is_no_other_site() -> None:
    assert not from_another_site(come(host="localhost"))
    assert not from_another_site(come(host="localhost", sec_fetch_site="none"))


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_at_all_makes_it_fail(host: str, origin: str) -> None:
    arrival = RequestOrigin("1.2.3.4", "http", host.lower(), headers={"origin": origin})
    host_allowed(host, RULES, only_loopback=True)
    from_another_site(arrival)
    split_host(host)
    is_loopback(host)
    neighbourhood(host)


def test_a_household_is_one_sender() -> None:
    assert neighbourhood("2001:db8:1:2::5") == neighbourhood("2001:db8:1:2:ffff::1")
    assert neighbourhood("2001:db8:1:3::5") != neighbourhood("2001:db8:1:2::5")
    assert neighbourhood("10.0.0.1") != neighbourhood("10.0.0.2")


def test_tokens_by_setting_have_a_name_and_a_role() -> None:
    found = read_tokens(f"prometheus:viewer:{TOKEN}\nbot:operator:{TOKEN}:with:colons")
    assert found == {"prometheus": (Role.VIEWER, TOKEN), "bot": (Role.OPERATOR, f"{TOKEN}:with:colons")}


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"bot:{TOKEN}",
        f"bot:admin:{TOKEN}",
        f"Bot:viewer:{TOKEN}",
        f"web:viewer:{TOKEN}",
        "bot:viewer:short",
        "bot:viewer:" + "a" * 64,
        f"bot:viewer:{TOKEN} bot:operator:{TOKEN}x",
    ],
)
def test_a_bad_token_setting_stops_the_start_and_shows_no_token(text: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read_settings(ObserverSettings, {"OBSERVER_TOKENS": text})
    assert "OBSERVER_TOKENS" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_bad_proxies_stop_the_start_by_name() -> None:
    with pytest.raises(BadSettings, match="OBSERVER_TRUSTED_PROXIES"):
        read_settings(ObserverSettings, {"OBSERVER_TRUSTED_PROXIES": "everybody"})


@pytest.mark.parametrize(
    ("listen", "here"),
    [
        ("127.0.0.1:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("off", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.1.5:1", False),
        ("pi4:1", False),
    ],
)
def test_what_counts_as_reachable_only_from_here(listen: str, here: bool) -> None:
    assert read_settings(ObserverSettings, {"OBSERVER_LISTEN": listen}).only_from_here is here


async def test_the_address_that_notifications_link_to_is_one_of_ours(tmp_path: Path) -> None:
    environ = {"RUNTIME_PATH": str(tmp_path), "OBSERVER_PUBLIC_URL": "https://mesh.example.org:8443/here"}
    auth = auth_or_exit(read_settings(ObserverSettings, environ), "observer")
    assert host_allowed("mesh.example.org", auth.rules, only_loopback=True)
    assert not host_allowed("example.org", auth.rules, only_loopback=True)
    await auth.close()
