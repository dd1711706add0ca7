"""Tests of what wires a run."""

from __future__ import annotations

from tests.fakes import FakeHost
from transhume.core.host import Pair
from transhume.ui.session import logins


def test_a_kill_between_the_file_and_the_role_leaves_a_login() -> None:
    def ini(password: str) -> bytes:
        return f"[global]\nuser = bj\npassword = {password}\nport = 5432\n".encode()

    source = FakeHost("source", files={"/etc/bm/bm.ini": ini("new")})
    kept = {"/kept/etc/bm/bm.ini": ini("wizard's")}
    target = FakeHost("target", files={"/etc/bm/bm.ini": ini("new"), **kept})
    found = logins(Pair(source, target), "target", "/etc/bm/bm.ini", "/kept")
    assert "wizard's" in [login.password for login in found]
