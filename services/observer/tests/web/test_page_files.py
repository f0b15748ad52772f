"""The page's files on HTTP: kept for ever or asked for each time, nothing inline, nothing but what was built."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from observer.web.page_files import PageFiles, serve_page
from observer.web.security_headers import SecurityHeaders

SCRIPT = b"console.log('the page')\n" * 50


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "index-abc123.js").write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_text("not yours")
    return folder


def asking(folder: Path) -> httpx.AsyncClient:
    app = FastAPI()
    serve_page(app, PageFiles(folder))
    return httpx.AsyncClient(transport=httpx.ASGITransport(SecurityHeaders(app)), base_url="http://127.0.0.1:8686")


async def test_a_named_asset_is_kept_for_ever_and_the_index_asked_for_each_time(dist: Path) -> None:
    async with asking(dist) as http:
        index, script = await http.get("/"), await http.get("/assets/index-abc123.js")
        again = await http.get("/", headers={"If-None-Match": index.headers["etag"]})
    assert index.headers["cache-control"] == "no-cache"
    assert index.headers["content-type"].startswith("text/html")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.content == SCRIPT
    assert (again.status_code, again.content) == (304, b"")


async def test_it_travels_squeezed_to_who_can_take_it(dist: Path) -> None:
    async with asking(dist) as http:
        squeezed = await http.get("/assets/index-abc123.js", headers={"Accept-Encoding": "gzip"})
        plain = await http.get("/assets/index-abc123.js", headers={"Accept-Encoding": "identity"})
    assert squeezed.headers["content-encoding"] == "gzip"
    assert int(squeezed.headers["content-length"]) == len(gzip.compress(SCRIPT, 9, mtime=0)) < len(SCRIPT) / 10
    assert "content-encoding" not in plain.headers
    assert squeezed.content == plain.content == SCRIPT


@pytest.mark.parametrize("path", ["/", "/assets/index-abc123.js", "/assets/none.js"])
async def test_every_answer_forbids_what_is_not_a_file_of_ours(dist: Path, path: str) -> None:
    async with asking(dist) as http:
        answer = await http.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/secret.txt",
        "/secret.txt",
        "/assets/",
    ],
)
async def test_only_what_was_built_is_served(dist: Path, path: str) -> None:
    (dist / "assets" / "secret.txt").symlink_to(dist.parent / "secret.txt")
    async with asking(dist) as http:
        answer = await http.get(path)
    assert answer.status_code == 404
    assert b"not yours" not in answer.content


async def test_without_a_built_page_one_paragraph_says_what_to_do(tmp_path: Path) -> None:
    async with asking(tmp_path / "none") as http:
        answer = await http.get("/")
    assert answer.status_code == 503
    assert "make page" in answer.text
    assert "mend approve" in answer.text


async def test_a_page_that_was_built_again_is_served_without_a_restart(tmp_path: Path, dist: Path) -> None:
    async with asking(dist) as http:
        before = await http.get("/")
        (dist / "index.html").write_text("<!doctype html><title>newer</title>")
        after = await http.get("/")
    assert "newer" in after.text
    assert before.headers["etag"] != after.headers["etag"]
