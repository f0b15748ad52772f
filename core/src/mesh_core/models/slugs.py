"""A name of our own for what somebody calls differently: the text itself where it is a name, else a slug of it. Pure.

The slug is for files, addresses and plays; what is shown to people is the text as it was written.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from mesh_core.models.records import is_name

MAX_SLUG = 100


def plain_name(text: str, otherwise: str) -> str:
    """`NAS01` stays, `Büro 2` becomes `Buro-2-5f0c1a2b`: a digest keeps apart what a slug would make one.

    Blanks and marks between plain letters are no loss: `a b` is `a-b`. `otherwise` stands where nothing is left.
    """
    if is_name(text):
        return text
    slug = folded(text)
    if text.isascii() and len(slug) <= MAX_SLUG and slug:
        return slug
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{slug[:MAX_SLUG].rstrip('-._') or otherwise}-{digest}"


def folded(text: str) -> str:
    """Letters without their accents, digits, dot, dash and underscore; one dash for a run of anything else."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text[:1000]) if not unicodedata.combining(c))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")
