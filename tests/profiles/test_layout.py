"""The layout: data that a person can change, with mistakes told by their key."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract import machines
from transhume.core import toml
from transhume.errors import SettingsError
from transhume.profiles import bluemind
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import Layout, load

TEXT = (resources.files(bluemind) / "bluemind-5.toml").read_text()


def test_it_is_whole() -> None:
    known = load("bluemind-5")
    assert {tree.path for tree in known.tree} >= {"/var/spool/cyrus", "/var/spool/bm-hsm"}
    assert known.databases.names == ("bj", "bj-data")
    assert "/etc/bm" in known.configuration.folders
    assert known.services.mail == "postfix.service"


def test_the_certificate_is_among_what_moves() -> None:
    known = load("bluemind-5").configuration
    assert known.certificate.startswith("/etc/ssl/certs/bm_cert")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('path = "/var/spool/cyrus"', 'path = "var/spool/cyrus"', "tree.0.path: "),
        ('path = "/var/spool/cyrus"', 'pth = "/var/spool/cyrus"', "tree.0.path: Field required"),
        ('holds = "mail"\n', "", "tree.0.holds: Field required"),
        ("churns = true", 'churns = "yes"', "churns: Input should be a valid boolean"),
        ("limit = 300", "limit = 0", "services.limit: "),
        ("limit = 300", "limit = 300\nlimits = 1", "services.limits: Extra inputs"),
        ("ports = [25, ", 'ports = ["smtp", ', "services.ports.0: "),
        ('ini = "/etc/bm/bm.ini"', 'ini = "/etc/bm/bm.ini; id"', "databases.ini: "),
        ('names = ["bj", "bj-data"]', 'names = "bj"', "databases.names: "),
        ("[services]", "[service]", "service: Extra inputs"),
    ],
)
def test_a_mistake_is_told_by_its_key(old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(SettingsError) as wrong:
        toml.read(Layout, TEXT.replace(old, new, 1), "the layout x")
    assert told in wrong.value.what


def test_the_admins_own_trees_come_last() -> None:
    own = machines.settings().model_copy(update={"trees": ("/srv/more",)})
    trees = profile.all_trees(load("bluemind-5"), own)
    assert trees[-1].path == "/srv/more"
    assert not trees[-1].optional


@pytest.mark.parametrize(("jobs", "expected"), [(3, 3), (0, 7)])
def test_as_many_processes_as_the_admin_says_or_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, jobs: int, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    own = machines.settings()
    chosen = own.model_copy(update={"databases": own.databases.model_copy(update={"jobs": jobs})})
    assert profile.copier(load("bluemind-5"), chosen).jobs == expected


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(["", "=", "[", '"', "..", "\n", "0", "[["])),
        min_size=1,
        max_size=3,
    )
)
def test_a_layout_that_somebody_spoilt_is_one_or_told(places: list[tuple[float, str]]) -> None:
    text = TEXT
    for place, piece in places:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + 1 :]
    with suppress(SettingsError):
        known = toml.read(Layout, text, "the layout x")
        assert not any({".", ".."} & set(tree.path.split("/")) for tree in known.tree)
