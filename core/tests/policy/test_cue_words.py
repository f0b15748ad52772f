"""Where a word of an event counts: lines as programs really print them, whoever wrote the program."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.models.events import HealthEvent
from mesh_core.policy.policy import Allowed, Policy
from mesh_core.policy.policy_file import Document, merged

SHIPPED = Policy.load(None)


def heard(*lines: str, key: str = "logs") -> set[str]:
    return SHIPPED._cues.heard_in({key: list(lines)})


def died(*lines: str, **more: Any) -> Allowed:
    payload = {"runtime": "docker", "container": "web", "status": "exited", "exit_code": 137, "logs": list(lines)}
    return SHIPPED.allows(
        HealthEvent(type="container_died", node="n1", service="web", severity="error", payload=payload | more)
    )


@pytest.mark.parametrize(
    "line",
    [
        # what all is well with, as its program says
        '{"level":"info","ts":1.7,"logger":"tls","msg":"certificate maintenance started"}',
        '{"level":30,"time":1,"msg":"using upstream 10.0.0.3"}',
        'time="2026-01-02T10:00:00Z" level=info msg="certificates loaded" count=4',
        "2026/01/02 10:00:00 [notice] 1#1: using upstream pool",
        "2026-01-02 10:00:00,123 INFO  [main] o.e.Server: TLS certificate is valid until 2027",
        "INFO:     certificate read",
        "2026-01-02 10:00:00.000 UTC [1] LOG:  database system is in recovery mode",
        "2026-01-02  1 [Note] InnoDB: Starting crash recovery from checkpoint LSN=12",
        "I0102 10:00:00.000000       1 certs.go:10] Serving certificate",
        "1:M 02 Jan 2026 10:00:00.000 * Partial resynchronization",
        '10.0.0.9 - - [02/Jan/2026:10:00:00 +0000] "GET /upstream/certificate HTTP/1.1" 200 512 "-" "curl"',
        "<6>upstream chosen",
        "[info] environment variable TZ is set",
        # no level at all, and nothing but a topic
        "renewing the certificate in 40 days",
        "upstream servers: 4, mode: parallel",
        "reading environment variables",
    ],
)
def test_what_a_program_says_in_good_health_is_no_cause(line: str) -> None:
    assert heard(line) == set()
    allowed = died("listening on :8080", line)
    assert (allowed.preferred, allowed.rule) == ("restart", "container-down")


@pytest.mark.parametrize(
    ("line", "cue"),
    [
        ("[error] 7#7: no live upstreams while connecting to upstream", "dependency"),
        ('level=error msg="certificate has expired"', "certificate"),
        ("certificate verify failed: self-signed certificate", "certificate"),
        ("INFO retrying: certificate was rejected by the server", "certificate"),
        ("x509: certificate signed by unknown authority", "certificate"),
        ("missing environment variable DB_URL", "configuration"),
        ("ssl handshake failure with 10.0.0.3", "certificate"),
        ("INFO: disk usage: no space left on device", "space"),
        ("[info] journal: bad superblock", "corruption"),
    ],
)
def test_what_a_program_complains_of_is_one(line: str, cue: str) -> None:
    assert cue in heard(line)
    assert died(line).preferred == "notify"


@pytest.mark.parametrize(
    "line",
    [
        # busybox, curl
        "wget: can't connect to remote host (10.0.0.5): Connection refused",
        "nc: db (10.0.0.5:5432): Connection refused",
        "curl: (7) Failed to connect to db port 5432 after 3 ms: Couldn't connect to server",
        # Go
        "dial tcp 10.0.0.5:5432: connect: connection refused",
        'level=fatal msg="ping" error="dial tcp: lookup db on 127.0.0.11:53: no such host"',
        "panic: dial tcp 10.0.0.5:6379: i/o timeout",
        # Java
        "java.net.ConnectException: Connection refused",
        "org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname is correct.",
        "Caused by: java.net.UnknownHostException: db",
        "java.net.SocketTimeoutException: connect timed out",
        "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure",
        # Node
        "Error: connect ECONNREFUSED 10.0.0.5:5432",
        "Error: connect EHOSTUNREACH 10.0.0.5:5432",
        "Error: getaddrinfo ENOTFOUND db",
        "MongooseServerSelectionError: connect ETIMEDOUT 10.0.0.5:27017",
        # Python
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.",
        'connection to server at "db" (10.0.0.5), port 5432 failed: Connection refused',
        "socket.gaierror: [Errno -2] Name or service not known",
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "(2003, \"Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)\")",
        # PHP
        "PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] Connection refused in /app/db.php:3",
        "php_network_getaddresses: getaddrinfo for db failed: Name or service not known",
        "fsockopen(): Unable to connect to db:3306 (Connection refused)",
        # others
        "Errno::ECONNREFUSED: Connection refused - connect(2) for 10.0.0.5:6379",
        'Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }',
        "System.Net.Sockets.SocketException (111): Connection refused",
    ],
)
def test_a_program_that_could_not_reach_another_lacks_a_dependency(line: str) -> None:
    assert heard(line) & {"dependency", "dns"}
    assert died(line).preferred == "notify"
    assert "restart" in died(line).actions


@pytest.mark.parametrize(
    "payload",
    [
        {"error": "Connection refused", "runtime": "docker"},
        {"error": "connect ECONNREFUSED 10.0.0.5:80", "runtime": "docker"},
        {"health_output": "curl: (7) Failed to connect to localhost port 80: Connection refused", "runtime": "docker"},
        {"logs": ["connect() failed (111: Connection refused), client: 10.0.0.9, server 127.0.0.1:9000"]},
    ],
)
def test_a_probe_that_found_nobody_and_a_program_in_itself_lack_nothing_else(payload: dict[str, Any]) -> None:
    assert "dependency" not in SHIPPED._cues.heard_in(payload)


def test_own_words_for_a_cue_take_the_place_of_all_of_ours() -> None:
    base = Document(cues={"dns": ("a",)}, topics={"dns": ("b",), "tls": ("c",)}, logged={"dns": ("d",)}, grave=("dns",))
    over = Document(cues={"dns": ("mine",)}, logged={"tls": ("e",)})
    words = merged(base, over).cue_words()
    assert (words.plain["dns"], words.topics, words.logged) == (("mine",), {"tls": ("c",)}, {"tls": ("e",)})


def test_a_refusal_and_a_dependency_that_is_down_are_for_a_person() -> None:
    backed = {"runtime": "docker", "container": "web", "status": "running"}

    def probe(status: int) -> Allowed:
        payload = backed | {"http_status": status, "error": f"it answered {status}"}
        return SHIPPED.allows(
            HealthEvent(type="http_probe_failed", node="n1", service="web", severity="error", payload=payload)
        )

    for status in (401, 403, 407, 429):
        assert (probe(status).actions, probe(status).rule) == (frozenset({"notify"}), "probe-refused")
    assert probe(502).preferred == "restart"
    assert died(depends_on={"db": "exited with 1"}).rule == "dependency-down"
    assert died(depends_on={"db": "running", "init": "finished"}).preferred == "restart"
