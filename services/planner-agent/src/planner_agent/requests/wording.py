"""The words of a request as they go into names, files, logs and notifications: without passwords. Pure."""

from __future__ import annotations

from mesh_core.models.requests import Request
from mesh_core.models.slugs import plain_name
from mesh_core.security.redaction import clean
from mesh_core.security.secrets_in_text import without_secrets

MAX_SLUG = 48


def told_text(request: Request) -> str:
    """What was asked."""
    return without_secrets(clean(request.text))


def slug_of(request: Request) -> str:
    """What its playbook and proposals are called: by its name, else by its first words."""
    return plain_name(request.name or told_text(request)[:MAX_SLUG].strip().lower(), "request")
