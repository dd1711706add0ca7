"""The stand-in for bm-elasticsearch: keeps writing and dropping segments, so copies of it tear."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import deque
from http.server import ThreadingHTTPServer
from pathlib import Path

from . import settings
from .holder import Page

PORT = 9200
_LIVE = Path("/var/spool/bm-elasticsearch/data/nodes/0/indices/live")
_EVERY = 0.5
_KEPT = 10


def churn() -> None:
    """Write a segment, drop the oldest: whoever copies meanwhile meets files that vanish."""
    folder = _LIVE / "0/index"
    folder.mkdir(parents=True, exist_ok=True)
    written = deque(sorted(folder.glob("_*.cfs"), key=lambda path: path.stat().st_mtime))
    while True:
        segment = folder / f"_{time.time_ns():x}.cfs"
        segment.write_bytes(os.urandom(20_000))
        shutil.chown(segment, "elasticsearch", "elasticsearch")
        written.append(segment)
        while len(written) > _KEPT:
            written.popleft().unlink(missing_ok=True)
        time.sleep(_EVERY)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Page)
    threading.Thread(target=churn, daemon=True).start()
    settings.notify("READY=1")
    server.serve_forever()


if __name__ == "__main__":
    main()
