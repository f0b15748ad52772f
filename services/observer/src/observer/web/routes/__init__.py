"""The API, one noun a file: what a request may say, what is answered. A new one is its file and its name below, twice.

Decides nothing: a person's verbs are the renames of core's `decisions`.
"""

from __future__ import annotations

from observer.web.routes import (
    audit,
    decisions,
    events,
    history,
    inventory,
    playbook,
    proposals,
    remedies,
    requests,
    runbooks,
    runs,
    series,
    session,
    silences,
    stream,
    timeline,
    world,
)

# In the order of the API's pages.
API_ROUTES = (
    session,
    world,
    proposals,
    decisions,
    silences,
    runs,
    remedies,
    runbooks,
    requests,
    playbook,
    inventory,
    stream,
    audit,
    events,
    history,
    timeline,
    series,
)
