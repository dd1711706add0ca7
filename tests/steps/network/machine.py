"""A machine made of a few facts, which answers what the steps ask and obeys what they do."""

from __future__ import annotations

import fnmatch
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any

from transhume.core.change import Act, Command, Place, RemoveFile, WriteFile, leaves
from transhume.core.host import Output, Snapshot

Answer = tuple[int, str]
NOTHING: Answer = (0, "")
NO: Answer = (1, "")


def _json(value: object) -> Answer:
    return 0, json.dumps(value)


@dataclass
class Machine:
    """The facts; everything that isn't understood is an error of the test."""

    place: Place
    files: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, dict[str, object]] = field(default_factory=dict)
    """Each address on the device, with what `ip` says of it beside the usual."""
    routes: dict[int, list[dict[str, object]]] = field(default_factory=dict)
    active: frozenset[str] = frozenset()
    card: str = "02:00:00:00:00:10"
    promotes: str = "0"
    reached: str = "192.0.2.10"
    uuid: str = ""
    nm_state: str = "100 (connected)"
    networkd_state: str = "2 ens3 ether routable configured"
    listen: tuple[str, ...] = ()
    answering: dict[str, str] = field(default_factory=dict)
    """Who answers for which address elsewhere on the network: the card by address."""
    links: frozenset[str] = frozenset()
    """Files that are symbolic links."""
    modes: dict[str, str] = field(default_factory=dict)
    device: str = "ens3"
    done: list[str] = field(default_factory=list)
    """What was altered, in order."""

    # --- looking

    def ask(self, *argv: str) -> Output:
        for pattern, answer in self._answers():
            if fnmatch.fnmatchcase(" ".join(argv), pattern):
                status, printed = answer(argv)
                return Output(status, printed.encode(), b"")
        raise AssertionError(f"{self.place} was asked {argv}")

    def read(self, *argv: str) -> str:
        output = self.ask(*argv)
        assert output.status == 0, argv
        return output.text

    def file(self, path: str) -> bytes | None:
        return self.files.get(path)

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        raise AssertionError(query)

    def greeting(self, address: str) -> str:
        raise NotImplementedError

    def recipients(self, address: str, *wanted: str) -> tuple[int, ...]:
        raise NotImplementedError

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        raise NotImplementedError

    def snapshot(self, database: str, jobs: int) -> AbstractContextManager[Snapshot]:
        raise NotImplementedError

    def api(self, path: str) -> Any:
        raise AssertionError(path)

    def _answers(self) -> Iterator[tuple[str, Callable[[tuple[str, ...]], Answer]]]:
        yield "test -d *", lambda argv: NOTHING if self._below(argv[2]) else NO
        yield "test -e *", lambda argv: NOTHING if argv[2] in self.files else NO
        yield "test -x *", lambda argv: NOTHING if argv[2] in self.files else NO
        yield "find *", lambda argv: (0, "\n".join(self._found(argv)))
        yield "stat -c *", lambda argv: (0, self._stat(argv[-1]))
        yield "stat -L *", lambda argv: (0, self.modes.get(argv[-1], "755 0"))
        yield "systemctl is-active *", lambda argv: NOTHING if argv[-1] in self.active else NO
        yield "nmcli -g GENERAL.STATE *", lambda argv: (0, self.nm_state)
        yield "nmcli -g GENERAL.CON-UUID *", lambda argv: (0, self.uuid)
        yield "networkctl list *", lambda argv: (0, self.networkd_state)
        yield "ip -j link show dev *", self._link
        yield "ip -j addr show dev *", lambda argv: _json([{"addr_info": self._held()}])
        yield "ip -j addr show to *", lambda argv: _json([{}, {"addr_info": self._held(argv[-1])}])
        yield "ip -4 -j route show *", lambda argv: _json(self._routes(4, argv[-1]))
        yield "ip -6 -j route show *", lambda argv: _json(self._routes(6, argv[-1]))
        yield "ip -j neigh show to *", lambda argv: _json(self._neighbour(argv[5]))
        yield "ping *", lambda argv: NOTHING if argv[-1] in self.answering else NO
        yield "sysctl -n *promote_secondaries", lambda argv: (0, f"{self.promotes}\n")
        yield "printenv SSH_CONNECTION", self._connection
        yield "sshd -T", lambda argv: (0, "".join(f"listenaddress {a}\n" for a in self.listen))

    def _found(self, argv: tuple[str, ...]) -> list[str]:
        folders = itertools.takewhile(lambda word: word.startswith("/"), argv[1:])
        return [path for folder in folders for path in self._below(folder)]

    def _below(self, folder: str) -> list[str]:
        return [path for path in self.files if path.startswith(f"{folder}/")]

    def _stat(self, path: str) -> str:
        kind = "symbolic link" if path in self.links else "regular file"
        return f"{kind}|{self.modes.get(path, '640')}|root:root\n"

    def _link(self, argv: tuple[str, ...]) -> Answer:
        if argv[-1] != self.device:
            return NO
        return _json([{"ifindex": 2, "address": self.card}])

    def _held(self, only: str = "") -> list[dict[str, object]]:
        shown = []
        for text, more in self.held.items():
            address = ip_interface(text)
            if only in ("", str(address.ip)):
                usual = {"local": str(address.ip), "prefixlen": address.network.prefixlen}
                shown.append({**usual, "scope": "global", **more})
        return shown

    def _routes(self, version: int, last: str) -> list[dict[str, object]]:
        known = self.routes.get(version, [])
        return [each for each in known if last != "default" or each["dst"] == "default"]

    def _neighbour(self, address: str) -> list[dict[str, object]]:
        card = self.answering.get(address)
        return [{"dst": address, "lladdr": card, "state": ["REACHABLE"]}] if card else []

    def _connection(self, argv: tuple[str, ...]) -> Answer:
        return (0, f"192.0.2.20 40000 {self.reached} 22\n") if self.reached else NO

    # --- altering

    def perform(self, act: Act) -> None:
        """Do what is for this machine."""
        for leaf in leaves(act):
            for command in leaf.commands():
                if command.place == self.place:
                    self._do(leaf, command)

    def _do(self, leaf: Act, command: Command) -> None:
        if isinstance(leaf, WriteFile):
            self.files[leaf.path] = leaf.content
            self.done.append(f"write {leaf.path} {leaf.mode}")
        elif isinstance(leaf, RemoveFile):
            self.files.pop(leaf.path, None)
            self.done.append(f"remove {leaf.path}")
        else:
            self._command(command.argv)

    def _command(self, argv: tuple[str, ...]) -> None:
        if argv[:3] == ("ip", "addr", "replace"):
            self.held[argv[3]] = {}
        elif argv[:3] == ("ip", "addr", "del"):
            self.held.pop(argv[3], None)
        elif argv[0] == "sysctl":
            self.promotes = argv[-1].rpartition("=")[2]
        words = argv[3:] if argv[:2] == ("sh", "-c") else argv
        self.done.append(" ".join(words))
