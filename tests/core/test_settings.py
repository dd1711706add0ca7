"""The settings: what is mistyped is told by its key, and nothing is guessed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transhume.core import toml
from transhume.core.settings import Settings
from transhume.errors import SettingsError

SOURCE = '[source]\nssh = "root@mail"\nhost_key = "ssh-ed25519 AAAAC3Nza"\n'
TAKE = (
    '[address]\nhow = "take"\nservice = ["192.0.2.10/24", "2001:db8::0:10/64"]\n'
    'source_device = "ens3"\ntarget_device = "ens4"\n'
)


def _read(text: str) -> Settings:
    return toml.read(Settings, text, "the settings x.toml")


def test_the_least_that_is_needed() -> None:
    known = _read(SOURCE)
    assert (known.profile, known.state, known.databases.jobs) == (
        "bluemind-5",
        "/var/lib/transhume",
        0,
    )


def test_addresses_in_their_shortest_form() -> None:
    assert _read(SOURCE + TAKE).address.service == ("192.0.2.10/24", "2001:db8::10/64")


WRONG = [
    ("", "source: Field required"),
    ("[source]\n", "source.ssh: Field required"),
    ("stat = 1\n" + SOURCE, "stat: Extra inputs"),
    (SOURCE + "port = 22\n", "source.port: Extra inputs"),
    (SOURCE.replace("root@mail", "root@mail; rm"), "source.ssh: "),
    (SOURCE.replace("root@mail", "-oProxyCommand"), "source.ssh: "),
    (SOURCE.replace("root@mail", ""), "source.ssh: "),
    (SOURCE.replace("ssh-ed25519 AAAAC3Nza", "AAAAC3Nza"), "source.host_key: "),
    (SOURCE.replace("AAAAC3Nza", "AAAA\\nx"), "source.host_key: "),
    (SOURCE + '[databases]\njobs = "2"\n', "databases.jobs: Input should be a valid integer"),
    (SOURCE + "[databases]\njobs = -1\n", "databases.jobs: "),
    (SOURCE + "[databases]\njobs = 65\n", "databases.jobs: "),
    (SOURCE + "[databases]\njobs = 2.5\n", "databases.jobs: "),
    (SOURCE + '[check]\naccept = "rsync-old"\n', "check.accept: "),
    (SOURCE + TAKE.replace('"take"', '"steal"'), "address.how: Input should be 'take', 'script'"),
    (SOURCE + TAKE.replace("/24", ""), "address.service.0: "),
    (SOURCE + TAKE.replace("192.0.2.10", "192.0.2.300"), "address.service.0: "),
    (SOURCE + '[address]\nhow = "script"\n', 'address: Value error, how = "script" needs'),
    (SOURCE + '[address]\nhow = "take"\n', 'address: Value error, how = "take" needs'),
    (SOURCE + '[address]\nhow = "none"\n', 'address: Value error, how = "none" needs'),
    (SOURCE + '[address]\nhow = "none"\nbecomes = "x"\n', "address.becomes: "),
    ('profile = "bluemind-4"\n' + SOURCE, "profile: "),
    ("state = 2026-11-22\n" + SOURCE, "state: "),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_wrong_is_told_by_its_key(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        _read(text)
    assert told in wrong.value.what
    assert wrong.value.what.startswith("the settings x.toml can't be used: ")
    assert wrong.value.state == "Nothing was touched."
    assert "\n" not in wrong.value.what


@pytest.mark.parametrize(
    "path",
    [
        *("relative", "", "/", "/a/../etc", "/a/./b", "/a//b", "/a/", "/proc", "/proc/1", "/sys/x"),
        *("/dev/shm", "/run/x", "//proc/x", "//x", "/a\\nb", "/a\\u0000b", "~/x"),
    ],
)
@pytest.mark.parametrize("key", ["state", "trees"])
def test_paths_outside_are_refused(key: str, path: str) -> None:
    value = f'["{path}"]' if key == "trees" else f'"{path}"'
    with pytest.raises(SettingsError, match=f"{key}.*: "):
        _read(f"{key} = {value}\n{SOURCE}")


@pytest.mark.parametrize("path", ["/srv/mail", "/procedures", "/var/spool/with blank", "/é"])
def test_other_paths_are_fine(path: str) -> None:
    assert _read(f'trees = ["{path}"]\n{SOURCE}').trees == (path,)


@given(st.text())
def test_any_text_is_settings_or_told(text: str) -> None:
    with suppress(SettingsError):
        _read(text)


_PIECES = ["", "=", "[", "]]", "'", '"""', "\\u0000", "1e999", "nan", "[" * 5000, "{a=" * 5000, "é"]


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(_PIECES)), min_size=1, max_size=4))
def test_settings_that_somebody_spoilt_are_settings_or_told(
    places: list[tuple[float, str]],
) -> None:
    text = SOURCE + TAKE + "[databases]\njobs = 2\n[cutover]\nrest = 1.5\n"
    for place, piece in places:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + 1 :]
    with suppress(SettingsError):
        known = _read(text)
        assert known.cutover.rest > 0
        assert known.source.ssh.isprintable()


def test_a_text_that_is_no_toml_names_the_line() -> None:
    with pytest.raises(SettingsError, match="line 2"):
        _read("a = 1\nb = =\n")
