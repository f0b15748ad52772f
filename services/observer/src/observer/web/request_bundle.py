"""The bundles of all the runs that came of a request, as one zip: a folder for each host."""

from __future__ import annotations

import io
import zipfile

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.models.proposals import EXECUTED
from mesh_core.models.requests import RequestStatus
from mesh_core.storage.files import read_regular

BUNDLE = "bundle.zip"
MAX_BYTES = 64 * 1024 * 1024  # of all bundles together, as they lie there


def joined_bundle(actions: ActionFolders, status: RequestStatus) -> bytes | None:
    """None where no run of it has left one. What is not whole, or one too many, is left out."""
    whole, left, hosts = io.BytesIO(), MAX_BYTES, 0
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as joined:
        for one in status.proposals:
            place = next((path for folder, path in actions.find(one.action_id) if folder in EXECUTED), None)
            raw = read_regular(place / BUNDLE, left) if place else None
            if raw is not None and _put(joined, one.host, raw):
                left, hosts = left - len(raw), hosts + 1
    return whole.getvalue() if hosts else None


def _put(joined: zipfile.ZipFile, host: str, raw: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as bundle:
            if sum(part.file_size for part in bundle.infolist()) > MAX_BYTES:
                return False
            for part in bundle.infolist():
                joined.writestr(f"{host}/{part.filename}", bundle.read(part))
    except zipfile.BadZipFile:
        return False
    return True
