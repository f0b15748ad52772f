"""What a service imports before structlog, whose console renderer takes rich where it finds it: 4 MiB for colours.

Not for commands, which draw with rich.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
