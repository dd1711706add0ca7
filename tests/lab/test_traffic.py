"""The sender's way of counting and the prober's way of adding up outages."""

from __future__ import annotations

import json
import smtplib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.traffic import downtime, outage, sender


class Script(socketserver.StreamRequestHandler):
    """An SMTP server that answers DATA's end as its server says, or breaks off there."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
            elif line == b".\r\n":
                if not self.server.end:  # type: ignore[attr-defined]
                    return
                self.wfile.write(self.server.end + b"\r\n")  # type: ignore[attr-defined]
            elif verb in (b"EHLO", b"MAIL", b"RCPT", b"QUIT"):
                self.wfile.write(b"250 ok\r\n")
                if verb == b"QUIT":
                    return


@contextmanager
def scripted(end: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Script) as server:
        server.end = end  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        real = smtplib.SMTP
        monkeypatch.setattr(
            smtplib, "SMTP", lambda host, _, name, limit: real(host, port, name, limit)
        )
        yield
        server.shutdown()


@pytest.mark.parametrize(
    ("end", "outcome"), [(b"250 ok", "accepted"), (b"451 later", "refused"), (b"", "unknown")]
)
def test_only_250_after_the_message_counts(
    end: bytes, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(end, monkeypatch):
        letter = sender.Letter("m@traffic.lab", "a@example.org")
        assert sender.attempt("127.0.0.1", letter)[0] == outcome


def test_nobody_there_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError("nobody")

    monkeypatch.setattr(smtplib, "SMTP", refuse)
    assert sender.attempt("192.0.2.10", sender.Letter("m", "a"))[0] == "refused"


def test_a_cut_off_last_line_is_no_event(tmp_path: Path) -> None:
    event = {"event": "accepted", "marker": "m", "recipient": "r", "time": 1.0, "doubtful": True}
    log = tmp_path / "log"
    log.write_text(json.dumps(event) + "\n" + json.dumps(event)[:20])
    assert sender.accepted(log) == [sender.Accepted("m", "r", 1.0, True)]


def test_what_was_delivered_right_before_a_power_cut_may_be_delivered_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    event = {"event": "accepted", "recipient": "r", "doubtful": False}
    told = [{**event, "marker": str(time), "time": float(time)} for time in (80, 95, 101)]
    told.append({"event": sender.POWER_LOST, "time": 100.0})
    log.write_text("".join(json.dumps(each) + "\n" for each in told))
    assert [each.marker for each in sender.accepted(log) if each.doubtful] == ["95"]


def probe(time: float, up: bool, service: str = "smtp") -> dict[str, object]:
    return {"time": time, "up": up, "service": service, "took": 0.5}


def test_an_outage_lasts_from_the_first_failure_to_the_next_success() -> None:
    probes = [probe(0, True), probe(1, False), probe(2, False), probe(4, True), probe(5, True)]
    found = outage.outage("smtp", probes)
    assert found.intervals == ((1, 4),)
    assert (found.total, found.longest) == (3, 3)


def test_an_outage_without_end_lasts_to_the_last_probe() -> None:
    assert outage.outage("smtp", [probe(1, False), probe(3, False)]).total == 2.5


def test_services_are_added_up_apart(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [probe(0, True), probe(1, False, "core"), probe(2, True, "core"), probe(3, True)]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = downtime(log)
    assert (found["smtp"].total, found["core"].total) == (0, 1)
