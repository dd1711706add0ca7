"""What bm-core knows while it runs: its state, its tasks and its ways to the databases."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from . import firewall, mailstore, nodeclient
from .db import DIRECTORY, MAIL, Pool, troubles
from .maps import Repair

log = logging.getLogger("core")

_SERVERS = "SELECT ip FROM t_server ORDER BY item_id"
_CONFIGURATION = "SELECT key, value FROM t_systemconf, each(configuration)"
_TELEGRAF = "/etc/telegraf/telegraf.d/bm-output.conf"
_TICK = "/etc/bm-tick/upstream.conf"


class Core:
    """The one running core."""

    def __init__(self) -> None:
        self.directory = Pool(DIRECTORY)
        self.mail = Pool(MAIL)
        self.repair = Repair(self.directory)
        self.running = False
        self.maintenance = False
        self._tasks: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def state(self) -> str:
        if not self.running:
            return "core.state.starting"
        return "core.state.maintenance" if self.maintenance else "core.state.running"

    def reach(self) -> None:
        """Return if both databases and the node answer, raise otherwise."""
        self.mail.rows("SELECT 1")
        nodeclient.alive(nodeclient.address(self.directory))

    # --- tasks

    def task(self, number: str) -> dict[str, Any] | None:
        return self._tasks.get(number)

    def finished_task(self) -> dict[str, Any]:
        """Return a task that claims success whatever comes of the work."""
        number = str(next(self._numbers))
        self._tasks[number] = {"id": number, "state": "Success", "lastLogEntry": "", "result": ""}
        return self._tasks[number]

    def started_task(self, work: Callable[[], None]) -> dict[str, Any]:
        task = self.finished_task()
        task["state"] = "InProgress"

        def follow() -> None:
            try:
                work()
                task["state"] = "Success"
            except Exception as error:
                log.exception("task %s failed", task["id"])
                task.update(state="InError", lastLogEntry=str(error))

        threading.Thread(target=follow, daemon=True).start()
        return task

    # --- configuration

    def configuration(self) -> dict[str, str]:
        return {key: value or "" for key, value in self.directory.rows(_CONFIGURATION)}

    def configure(self, wanted: dict[str, str]) -> None:
        """Store the values; act on those alone that differ, as the real one does."""
        known = self.configuration()
        changed = {key: value for key, value in wanted.items() if known.get(key) != value}
        if not changed:
            return
        keys, values = list(changed), list(changed.values())
        with self.directory.transaction() as cursor:
            cursor.execute(
                "UPDATE t_systemconf SET configuration = configuration || hstore(%s, %s)",
                (keys, values),
            )
        if "mynetworks" in changed:
            self._node({}, [["postconf", "-e", f"mynetworks={changed['mynetworks']}"]])
        if "fwAdditionalIPs" in changed:
            self.update_firewall()

    def servers(self) -> list[str]:
        return [str(row[0]) for row in self.directory.rows(_SERVERS)]

    def update_firewall(self) -> None:
        more = self.configuration().get("fwAdditionalIPs", "").split()
        text = firewall.script(self.servers(), more)
        path = str(firewall.SCRIPT)
        self._node({path: text}, [["sh", path]])

    def reconfigure_tick(self) -> None:
        ip = self.servers()[0]
        files = {
            _TELEGRAF: f'[[outputs.influxdb]]\n  urls = ["http://{ip}:8086"]\n',
            _TICK: f"location /tick/ {{ proxy_pass http://{ip}:8888/; }}\n",
        }
        units = [["systemctl", "try-restart", "telegraf.service"], ["nginx", "-s", "reload"]]
        self._node(files, units)

    def _node(self, files: dict[str, str], run: list[list[str]]) -> None:
        nodeclient.act(nodeclient.address(self.directory), files, run)

    # --- mail

    def deliver(self, data: bytes, addresses: list[str]) -> list[str]:
        """Store a message for its recipients; an error of any kind makes Postfix try again."""
        try:
            return self._deliver(mailstore.Body.of(data), addresses)
        except Exception:
            log.exception("a message could not be stored")
            return ["451 4.3.0 try again"] * len(addresses)

    def _deliver(self, body: mailstore.Body, addresses: list[str]) -> list[str]:
        with self.directory.transaction() as directory, self.mail.transaction() as mail:
            found = [mailstore.find(directory, mail, address) for address in addresses]
            boxes = list({box.uid: box for box in found if box}.values())
            if boxes:
                mailstore.write(body)
                mailstore.insert(mail, body, boxes)
        return ["250 2.1.5 stored" if box else "550 5.1.1 no such mailbox" for box in found]

    def count(self, uid: str) -> int | None:
        """Return how many messages a user's mailbox has."""
        rows = self.mail.rows(
            "SELECT count(s.item_id) FROM t_mailbox_replica r"
            " LEFT JOIN s_mailbox_record s ON s.container_id = r.records_id"
            " WHERE r.unique_id LIKE '%%.' || %s GROUP BY r.subtree_id",
            uid,
        )
        return int(rows[0][0]) if rows else None

    def watch_node(self, every: float = 5.0) -> None:
        """Keep asking the node: this is how a core drives the host that t_server names."""
        while True:
            time.sleep(every)
            try:
                nodeclient.alive(nodeclient.address(self.directory))
            except troubles() as error:
                log.warning("the node does not answer: %s", error)
