"""The child of `telling.send`: the only file that imports Apprise. A line on stdin asks, one per target answers.

Ends by itself when its time is over, whether or not anybody still waits for it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import warnings
from typing import Any


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    end = threading.Timer(float(asked["seconds"]), os._exit, (1,))
    end.daemon = True
    end.start()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a plugin prints is no answer
    warnings.simplefilter("ignore")
    import apprise  # late: so that the timer counts its import, too

    print("ready", file=answers, flush=True)
    lock = threading.Lock()

    def tell(number: int, url: str) -> None:
        trouble = _tell(apprise, url, asked["title"], asked["body"])
        with lock:
            print(json.dumps([number, trouble]), file=answers, flush=True)

    threads = [
        threading.Thread(target=tell, args=(number, url), daemon=True) for number, url in enumerate(asked["urls"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _tell(apprise: Any, url: str, title: str, body: str) -> str:
    """'' if the target took it, else what was wrong; never the URL."""
    try:
        target = apprise.Apprise()
        if not target.add(url):
            return "is not an Apprise URL"
        # notify() returns an object, so ask for its truth
        taken = bool(target.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT))
        return "" if taken else "refused the message"
    except Exception as error:  # noqa: BLE001  (a hundred vendors' plugins may raise anything)
        return f"failed: {type(error).__name__}"


if __name__ == "__main__":
    main()
