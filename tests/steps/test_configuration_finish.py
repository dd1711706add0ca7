"""The configuration in the outage: only what changed moves, and everything is compared."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.contract.machines import PASSWORD, servers
from tests.fakes import FakeHost
from tests.steps.listing import lists
from tests.steps.test_configuration import STEP
from transhume.core.change import Run, SyncFiles, Together, WriteFile
from transhume.core.finding import stopping
from transhume.core.host import Pair
from transhume.steps.configuration_finish import FinishConfiguration

FINISH = FinishConfiguration(STEP)
FLAT = "/etc/postfix/transport-flat"
MAIN = "/etc/postfix/main.cf"


@dataclass
class _Brought:
    """Two machines after the configuration was brought hot."""

    pair: Pair = field(default_factory=servers)

    def __post_init__(self) -> None:
        self.source, self.target = (
            host for host in (self.pair.source, self.pair.target) if isinstance(host, FakeHost)
        )
        for host in (self.source, self.target):
            lists(host)
        for path, content in list(self.source.files.items()):
            if path.startswith("/etc/bm") or path.endswith("-flat"):
                self.target.files[path] = content
        for change in STEP.run(self.pair):
            if isinstance(change.act, WriteFile):
                self.target.files[change.act.path] = change.act.content

    def titles(self) -> list[str]:
        return [change.title for change in FINISH.run(self.pair)]

    def wrong(self) -> list[str]:
        return stopping(FINISH.verify(self.pair))


PASSWORD_ONLY = ["set the database role's password"]


def test_what_didnt_change_isnt_brought_again() -> None:
    both = _Brought()
    assert both.titles() == PASSWORD_ONLY
    assert both.wrong() == []


@pytest.mark.parametrize("path", ["/etc/bm/bm.ini", "/etc/bm/new.ini", FLAT])
def test_what_changed_since_is_brought(path: str) -> None:
    both = _Brought()
    both.source.files[path] = f"[global]\nuser = bj\npassword = {PASSWORD}\nmore = 1\n".encode()
    changes = list(FINISH.run(both.pair))
    assert isinstance(changes[0].act, Together)
    files = changes[0].act.acts[-1]
    assert isinstance(files, SyncFiles)
    assert FLAT in files.paths
    assert both.wrong()
    both.target.files[path] = both.source.files[path]
    assert both.titles()[-1:] == PASSWORD_ONLY


def test_what_is_new_on_the_source_goes_again_on_the_way_back() -> None:
    both = _Brought()
    both.source.files["/etc/ssl/certs/bm_cert_new.pem"] = b"new"
    change = next(iter(FINISH.run(both.pair)))
    assert isinstance(change.back, Run)
    assert STEP.kept in change.back.argv
    assert {"/etc/bm", "/etc/ssl/certs/bm_cert_new.pem"} <= set(change.back.argv)


def test_what_is_left_over_on_the_target_goes() -> None:
    both = _Brought()
    both.target.files["/etc/bm/bm-core.disabled"] = b""
    assert both.titles()[0] == "bring what changed since"
    assert any("bm-core.disabled: only on the target" in line for line in both.wrong())


def test_what_the_target_keeps_may_differ() -> None:
    both = _Brought()
    both.target.files["/etc/bm/subscription.bmz"] = b"of the target's own distribution"
    assert both.titles() == PASSWORD_ONLY
    assert both.wrong() == []


def test_a_changed_main_cf_is_adapted_anew() -> None:
    both = _Brought()
    both.source.files[MAIN] += b"mynetworks = 192.0.2.0/24\n"
    (change,) = [change for change in FINISH.run(both.pair) if change.title == f"write {MAIN}"]
    assert isinstance(change.act, WriteFile)
    assert b"mynetworks" in change.act.content


def test_a_map_that_answers_otherwise_is_built_anew() -> None:
    """Killed between a new text and its map, the text is equal and the map is not."""
    both = _Brought()
    both.source.files[MAIN] += b"a = hash:/etc/postfix/transport\n"
    both.target.files[MAIN] = both.source.files[MAIN]
    assert both.titles() == PASSWORD_ONLY
    both.target.said["postmap -s"] = "a@example.org\tsomebody@example.org\n"
    assert "build the map /etc/postfix/transport" in both.titles()
    assert any("/etc/postfix/transport" in line for line in both.wrong())


def test_the_source_isnt_asked_for_its_database() -> None:
    """It is being started beside this."""
    both = _Brought()
    both.source.held.clear()
    assert both.titles() == PASSWORD_ONLY


def test_what_was_seen_to_be_equal_isnt_listed_again() -> None:
    both = _Brought()
    listed = [host.printed["manifest"] for host in (both.source, both.target)]
    assert both.titles() == PASSWORD_ONLY
    for host in (both.source, both.target):
        host.printed["manifest"] = []
    assert both.wrong() == []
    # Whoever looks again later does look.
    for host, lines in zip((both.source, both.target), listed, strict=True):
        host.printed["manifest"] = lines
    both.target.files[FLAT] = b"damaged"
    assert both.wrong()


def test_a_run_that_came_to_no_end_proves_nothing() -> None:
    both = _Brought()
    assert next(FINISH.run(both.pair)).title == PASSWORD_ONLY[0]
    both.target.files[FLAT] = b"damaged"
    assert both.wrong()
