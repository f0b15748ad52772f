"""Each kind of provider is a file. httpx comes first, without the command line that it has where click is installed."""

from mesh_core.runtime.hidden_modules import hidden

with hidden("click"):
    import httpx as httpx
