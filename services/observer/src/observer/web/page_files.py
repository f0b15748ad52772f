"""The dashboard's files on HTTP: built from services/observer/page, kept in memory, served as they are. Makes no HTML.

The names of what lies in assets/ hold a hash of their content, so a browser may keep them for ever; index.html names
them and is asked for each time. Without a built page there is one paragraph that says how to build it.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

DIST = Path(__file__).parent / "dist"
INDEX = "index.html"
# Not the machine's own table: the one of Python 3.11 and some distributions' disagree about scripts.
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "no-cache"
NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mendmesh</title></head>
<body><main><h1>The page is not built</h1>
<p>The observer runs, and so does its API under <code>/api/v1</code>; only the dashboard's files are missing.
<code>make page</code> in the checkout builds them (it needs npm's registry once), then reload.
Meanwhile <code>mend pending</code>, <code>mend show ID</code> and <code>mend approve ID</code>
do all that the page does.</p>
</main></body></html>
"""


@dataclass(frozen=True)
class Asset:
    data: bytes
    squeezed: bytes
    media_type: str
    etag: str
    kept: str  # for how long, as Cache-Control


class PageFiles:
    """Every file of a built page by its path; read anew when the page was built again."""

    def __init__(self, folder: Path = DIST):
        self._folder = folder
        self._built_ns = -1
        self._assets: dict[str, Asset] = {}

    def asset(self, path: str) -> Asset | None:
        """A file of the page; only what was there when it was read, so no path leads anywhere else."""
        try:
            built_ns = (self._folder / INDEX).stat().st_mtime_ns
        except OSError:
            return None
        if built_ns != self._built_ns:
            files = [file for file in sorted(self._folder.rglob("*")) if file.is_file() and not file.is_symlink()]
            self._assets = {file.relative_to(self._folder).as_posix(): _asset(self._folder, file) for file in files}
            self._built_ns = built_ns
        return self._assets.get(path)


def serve_page(app: FastAPI, page: PageFiles) -> None:
    """`/`, `/icon.svg` and `/assets/...`; everything else keeps its 404."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        asset = page.asset(INDEX)
        if asset is None:
            return Response(NOT_BUILT, 503, {"Cache-Control": "no-store"}, "text/html")
        return _answer(request, asset)

    @router.api_route("/icon.svg", methods=["GET", "HEAD"])
    @router.api_route("/assets/{name}", methods=["GET", "HEAD"])
    async def file(request: Request) -> Response:
        asset = page.asset(request.url.path.removeprefix("/"))
        return Response("not found", 404, media_type="text/plain") if asset is None else _answer(request, asset)

    app.include_router(router)


def _answer(request: Request, asset: Asset) -> Response:
    headers = {"Cache-Control": asset.kept, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.squeezed, 200, headers | {"Content-Encoding": "gzip"}, asset.media_type)
    return Response(asset.data, 200, headers, asset.media_type)


def _asset(folder: Path, file: Path) -> Asset:
    data = file.read_bytes()
    return Asset(
        data=data,
        squeezed=gzip.compress(data, 9, mtime=0),
        media_type=TYPES.get(file.suffix, "application/octet-stream"),
        etag=f'"{hashlib.sha256(data).hexdigest()[:16]}"',
        kept=FOR_EVER if file.parent != folder else ASK_EACH_TIME,
    )
