"""The stand-in for bm-core: HTTP on 8090, LMTP on 2400, once the databases and bm-node answer."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time

from . import api, lmtp, settings
from .db import troubles
from .state import Core

log = logging.getLogger("core")

# The real one takes half a minute; long enough that nobody mistakes a started unit for a ready one.
_STARTING = 2.5


def await_parts(core: Core) -> None:
    """Wait, as long as systemd allows, for what the core cannot do without."""
    begun = time.monotonic()
    while True:
        try:
            core.reach()
        except troubles() as error:
            log.warning("waiting: %s", error)
        else:
            if time.monotonic() - begun >= _STARTING:
                return
        time.sleep(0.25)


def main() -> None:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(name)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    core = Core()
    server = api.Server(core)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    await_parts(core)
    delivery = lmtp.Server(("0.0.0.0", settings.LMTP_PORT), core.deliver)
    core.running = True
    settings.notify("READY=1")
    log.info("core.state.running")
    threading.Thread(target=core.watch_node, daemon=True).start()
    try:
        delivery.serve_forever()
    finally:
        delivery.drain()


if __name__ == "__main__":
    main()
