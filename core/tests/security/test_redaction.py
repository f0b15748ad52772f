"""What is hidden and what stays readable: a corpus drawn by lot, lines of every day, values of any shape."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from secret_corpus import drawn

from mesh_core.security.redaction import pruned, redacted
from mesh_core.security.secret_names import is_secret_name
from mesh_core.security.secret_values import HIDDEN
from mesh_core.security.secrets_in_text import without_secrets

EVERY_DAY = """
Out of memory: Killed process 3154 (mysqld) total-vm:1789024kB, anon-rss:512340kB, file-rss:0kB
Access denied for user 'root'@'localhost' (using password: YES)
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.7
Failed password for root from 203.0.113.9 port 51522 ssh2
Accepted publickey for deploy from 10.0.0.5 port 40022 ssh2: ED25519 SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8
the token expired and the password for user app was wrong
token: expired
password: required
Error: secret "web-tls" not found
MountVolume.SetUp failed for volume "creds": secret "db-credentials" not found
pulling sha256:3da714068e2f4bea8dc0f2f3b7c1d2e3f4a5b6c73da714068e2f4bea8dc0f2f3
container 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 died with exit code 137
pod web-7d4b9c6f5d-x2x4z restarted 5 times in 10 minutes
task web.1.k7xq2wm3n4p5r6s7t8u9v0w1x is in state failed
session 4711 opened for user root by (uid=0)
GET /index.html?page=2&sort=name 200 12ms
http://127.0.0.1:8080/health answered 500 after 12 s
connect ECONNREFUSED 192.168.1.25:1883
key: value
cache key: user:42:profile
keyboard: us
prompt_tokens=812 completion_tokens=44 max_tokens=220
tokens: 812
tests passed: 30, failed: 2
--- PASS: TestReadsConfig (0.00s)
bypass=true compass: north passenger_count=3
password_file=/run/secrets/db_password
PRIVATE_KEY_PATH=/etc/ssl/private/web.pem
ssl_certificate_key /etc/nginx/tls/web01.key;
token_url=https://auth.example.org/oauth/token
DB_PASSWORD=${DB_PASSWORD}
password: ********
api_key=$API_KEY node server.js
PWD=/home/app OLDPWD=/
Jan 21 05:46:17 web01 systemd[1]: nginx.service: Main process exited, code=exited, status=1/FAILURE
nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)
2026-01-21T05:46:17.123456Z level=error msg="request failed" trace_id=4bf92f3577b34da6a3ce929d0e0e4736 status=503
request 550e8400-e29b-41d4-a716-446655440000 took 1203 ms
commit 3f2c1d9e8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e by bob
FATAL: password authentication failed for user "app"
FATAL: no pg_hba.conf entry for host "10.0.0.3", user "app", database "shop", SSL off
ERROR 1045 (28000): Access denied for user 'app'@'10.0.0.3' (using password: NO)
smartd: Device /dev/sda [SAT], WDC_WD40EFRX-68N32N0, S/N:WD-WCC7K4AB12CD, 5 Currently unreadable sectors
Filesystem /dev/mapper/vg0-root 97% used, inode 12%
NodeFilesystemAlmostOutOfSpace firing on web01:9100
OrderProcessingServiceV2Impl: queue depth 118 above limit 100
java.lang.NullPointerException at com.example.shop.CheckoutController.submit(CheckoutController.java:118)
docker run -d --name web -p 127.0.0.1:8080:80 --restart unless-stopped nginx:1.27
curl -fsS http://127.0.0.1:8080/health
mysql -u root -h db -e 'show status'
redis-cli -h cache -p 6379 info replication
image registry.example.org/team/web-frontend:2026.01.21-rc3 not found
certificate for web01.example.org expires in 12 days
backup of /var/lib/postgresql finished: 14.2 GiB in 00:41:12
unit backup@daily.service entered failed state
eth0: link is down; bond0: now running without any active interface
CPU temperature 91 C above threshold 85 C
wg0: handshake did not complete after 5 seconds, retrying (try 2)
authentication: disabled
credentials: missing
auth=none tls=false
cookie: rejected
login with token failed: unauthorized
Le service ne répond pas : délai dépassé
Der Dienst antwortet nicht: Zeitüberschreitung
ошибка: соединение закрыто
サービスが応答しません
""".strip().split("\n")


@pytest.mark.parametrize("seed", [20261128, 7])
def test_ninety_nine_of_a_hundred_secrets_of_sixty_kinds_are_hidden(seed: int) -> None:
    shown: Counter[str] = Counter()
    lines = list(drawn(seed))
    for kind, line, secret in lines:
        text = without_secrets(line)
        # not even its end: a password cut at the first sign that looks like an end has not been hidden
        shown[kind] += secret in text or secret[-6:] in text
    assert len(lines) >= 1200
    assert shown.total() <= len(lines) / 100, {kind: n for kind, n in shown.items() if n}


def test_lines_of_every_day_stay_as_they_are() -> None:
    touched = [line for line in EVERY_DAY if without_secrets(line) != line]
    assert len(touched) <= len(EVERY_DAY) / 50, touched


def test_a_secret_is_found_in_values_of_any_shape() -> None:
    said = {
        "cmd": ["restic", "--password", "orbit-Velvet42", "backup"],
        "env": ["TZ=UTC", "SMTP_PASSWORD=orbit-Velvet42"],
        "dbPassword": "orbit-Velvet42",
        "password_file": "/run/secrets/db",
        "nested": {"log": 'retry {"passwd": "orbit-Velvet42"}', "apiKey": "orbit-Velvet42"},
        "hash": {"name": "ADMIN_PASS", "value": "orbit-Velvet42"},
        "token_count": 12,
    }
    kept = pruned(said)
    assert "Velvet" not in str(kept)
    assert kept["password_file"] == "/run/secrets/db"
    assert kept["token_count"] == 12
    assert kept["cmd"] == ["restic", "--password", HIDDEN, "backup"]


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "apiKey", "client-secret", "Set-Cookie", "contraseña", "пароль", "密码"]
)
def test_a_name_tells_a_secret_in_any_spelling_and_many_languages(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["passenger_count", "tokens_used", "password_file", "keyboard", "secretName", "author"]
)
def test_a_name_that_only_tells_about_a_secret_is_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "worst",
    [
        "mysql -",
        "a=b ",
        "password ",
        "token is ",
        "echo x ",
        '"name": "a", ',
        "<a>",
        "= ",
        "x" * 40 + " ",
        "://a:",
        "'",
        "curl -",
        "login ",
        "-----BEGIN PRIVATE KEY-----",
        "$6$",
        "/hooks/a1",
        "密码",
        "secret for a: ",
        "eyJ",
        "bot1:",
    ],
)
def test_no_text_makes_a_pattern_slow(worst: str) -> None:
    """The time may grow with the text, not with its square: four times the text, less than twelve times the time."""
    short, long = (worst * (size // len(worst)) for size in (8_000, 32_000))
    without_secrets(short)  # whatever is compiled or remembered at the first use
    assert _seconds(long) < max(12 * _seconds(short), 0.3)


def _seconds(text: str) -> float:
    """The least of three: into one or another the collector of garbage falls."""

    def once() -> float:
        began = time.process_time()
        without_secrets(text)
        return time.process_time() - began

    return min(once() for _ in range(3))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("paid with 4111 1111 1111 1111 today", "paid with *** today"),
        ("paid with 378282246310005 today", "paid with *** today"),
        ("block 4111111111111112 of the file", "block 4111111111111112 of the file"),  # no check digit fits
        ("GET /rest/ping?u=jane&p=9f86d081884c7d659a2f&c=app", "GET /rest/ping?u=jane&p=***&c=app"),
        ("https://hooks.slack.com/services/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", "/services/***/***/***"),
        ("seed phrase: " + "amber " * 11 + "delta", "seed phrase: ***"),
        ("at a.TokenFilter.run(TokenFilter.java:87)", "at a.TokenFilter.run(TokenFilter.java:87)"),
        ("saved 4YOxm9LMMdvruu84LA4R.webp", "saved 4YOxm9LMMdvruu84LA4R.webp"),
        ("checksum R+e9zVFWpgRWfJf++2gdQECDdQk=", "checksum R+e9zVFWpgRWfJf++2gdQECDdQk="),
    ],
)
def test_what_the_second_corpus_showed_is_mended_as_a_kind(line: str, shown: str) -> None:
    assert redacted(line).endswith(shown)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("db.lan:5432:app:anna:FalconCopper82#", "db.lan:5432:app:anna:***"),
        ("main.c:10:5:error:unused", "main.c:10:5:error:unused"),
        ("AUTH default UA9hMxWCcGdx4xv2", "AUTH default ***"),
        ("HELLO 3 AUTH default 5WlGyqRTUM!A", "HELLO 3 AUTH default ***"),
        ('[0 10.0.0.2:5] "AUTH" "4hiAen2x8CJL"', '"AUTH" ***'),
        ("ERR AUTH <password> called without any password", "ERR AUTH <password> called without any password"),
        ("login anna password kyKmJJqugavVihoF", "login anna password ***"),
        ("nmcli dev wifi connect Home password NIHjmfNSSKZMDQpS", "connect Home password ***"),
        ("token root@pam!backup=7812f170-167a-44d0-8643-e653ad689cf8", "token root@pam!backup=***"),
        ("-----BEGIN OpenVPN Static key V1-----\n6a0842acee1f2517\n-----END OpenVPN Static key V1-----", "***"),
        ("-----BEGIN PUBLIC KEY-----\nMFkwEwYH\n-----END PUBLIC KEY-----", "-----END PUBLIC KEY-----"),
    ],
)
def test_what_the_third_corpus_showed_is_mended_as_a_kind(line: str, shown: str) -> None:
    assert redacted(line).endswith(shown)
