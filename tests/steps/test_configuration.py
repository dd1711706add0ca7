"""The configuration: what moves, what stays, what is shown of it, and that it can be put back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.contract.machines import PASSWORD, TOKEN, servers
from tests.fakes import FakeHost
from tests.steps.listing import lists
from transhume.core.change import Run, Series, SyncFiles, SyncTree, Together
from transhume.core.finding import Finding, stopping
from transhume.core.host import Pair
from transhume.errors import StepFailed
from transhume.steps.configuration import Configuration, expanded
from transhume.steps.configuration_diff import diff

STEP = Configuration(
    ("/etc/bm", "/etc/bm-*", "/etc/none"),
    ("/etc/ssl/certs/bm_cert*.pem", "/etc/postfix/*", "/etc/krb5.conf"),
    ("/etc/bm/subscription.bmz", "/etc/postfix/main.cf", "/etc/postfix/master.cf"),
    "/var/lib/transhume/kept",
    "/etc/bm/bm.ini",
)


def _host(pair: Pair, place: str) -> FakeHost:
    host = pair.source if place == "source" else pair.target
    assert isinstance(host, FakeHost)
    return host


def test_patterns_name_what_the_source_has() -> None:
    host = FakeHost("source", {"/etc/ssl/bm_b.pem": b"", "/etc/ssl/bm_a.pem": b"", "/etc/x": b""})
    known = expanded(host, ("/etc/ssl/bm_*.pem", "/etc/ssl/bm_a*", "/none/*"), "f")
    assert known == ("/etc/ssl/bm_a.pem", "/etc/ssl/bm_b.pem")


def test_what_the_target_alone_has_is_kept_too_and_not_what_stays() -> None:
    """The source may get a file of that name before the end."""
    pair = servers()
    own = ("/etc/bm-own/x.ini", "/etc/ssl/certs/bm_cert_own.pem", "/etc/bm/subscription.bmz")
    _host(pair, "target").files.update(dict.fromkeys(own, b"the wizard's"))
    keep = next(iter(STEP.run(pair)))
    assert isinstance(keep.act, Run)
    assert isinstance(keep.back, Run)
    assert {"/etc/bm-own", "/etc/ssl/certs/bm_cert_own.pem"} <= set(keep.act.argv)
    assert "/etc/bm/subscription.bmz" not in keep.act.argv
    assert not {"/etc/bm-own", "/etc/ssl/certs/bm_cert_own.pem"} & set(keep.back.argv)


@pytest.mark.parametrize(
    "named", ["/etc/cron.d", "/", "/etc/bm/../cron.d", "/etc/bm-x/y", "/etc/bm-x/..", "/etc/bm/"]
)
def test_what_no_pattern_stands_for_is_refused(named: str) -> None:
    """A find(1) in other hands would have any folder overwritten."""
    machine = FakeHost("source", said={"find": f"/etc/bm\0{named}\0"})
    with pytest.raises(StepFailed, match="not asked for"):
        expanded(machine, ("/etc/bm", "/etc/bm-*"), "d")


def test_a_map_is_built_from_what_is_brought_or_there_alone() -> None:
    there = servers()
    assert isinstance(there.source, FakeHost)
    assert isinstance(there.target, FakeHost)
    named = ("/etc/bm/a/b", "/etc/postfix/own", "/opt/mine", "/etc/cron.d/x", "/etc/bm/../cron.d/x")
    main = " ".join(f"hash:{path}" for path in named)
    there.source.files["/etc/postfix/main.cf"] = f"transport_maps = {main}\n".encode()
    there.source.files |= dict.fromkeys(named, b"a b\n")
    there.target.files["/opt/mine"] = b"a b\n"
    assert [each.path for each in STEP.maps(there)] == [
        "/etc/bm/a/b",
        "/etc/postfix/own",
        "/opt/mine",
    ]


def test_folders_are_mirrored_but_for_what_stays() -> None:
    pair = servers()
    _host(pair, "source").files["/etc/bm-keycloak/keycloak.conf"] = b"x"
    change = list(STEP.run(pair))[1]
    assert isinstance(change.act, Series | Together)
    *folders, files = change.act.acts
    assert folders == [
        SyncTree("/etc/bm", finish=True, exclude=("/subscription.bmz",), contents=True),
        SyncTree("/etc/bm-keycloak", finish=True, contents=True),
    ]
    assert isinstance(files, SyncFiles)
    assert "/etc/postfix/transport-flat" in files.paths
    assert "/etc/postfix/main.cf" not in files.paths


def test_a_file_that_isnt_the_sources_is_told() -> None:
    pair = servers()
    for place in ("source", "target"):
        lists(_host(pair, place))
    assert not stopping(STEP.verify(pair))
    _host(pair, "target").files["/etc/postfix/transport-flat"] = b"other"
    (told,) = stopping(STEP.verify(pair))
    assert told.startswith("single files: 1 of ")
    assert "etc/postfix/transport-flat: content differs" in told


def test_of_a_link_what_it_leads_to_is_compared() -> None:
    pair, path = servers(), "/etc/postfix/transport-flat"
    _host(pair, "source").said["find /etc/postfix/transport-flat"] = f"{path}\0"
    _host(pair, "target").files[path] = b"other"
    step = Configuration((), (path,), (), "/kept", "/etc/bm/bm.ini")
    (found,) = [item for item in step.equal(pair) if isinstance(item, Finding)]
    assert found.seen == f"{path} isn't the source's"


def _diff(path: str, there: bytes | None, here: bytes | None) -> str:
    pair = servers()
    for place, content in (("source", there), ("target", here)):
        files = _host(pair, place).files
        files.pop(path, None)
        if content is not None:
            files[path] = content
    return "\n".join(diff(STEP, pair))


def test_a_changed_line_is_shown_with_both_sides() -> None:
    shown = _diff("/etc/bm/x.ini", b"a=1\nb=2\n", b"a=1\nb=3\n")
    assert "--- target:/etc/bm/x.ini" in shown
    assert "-b=3\n+b=2" in shown


def test_what_is_equal_isnt_shown() -> None:
    assert "/etc/bm/x.ini" not in _diff("/etc/bm/x.ini", b"a\n", b"a\n")


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("/etc/bm/bm.ini", f"[global]\npassword = {PASSWORD}\n"),
        ("/etc/bm/x.ini", "db.password: hunter2\n"),
        ("/etc/bm/x.ini", "  KEYSTORE_PASSWD=hunter2\n"),
        ("/etc/bm/x.json", '{"password": "hunter2"}\n'),
        ("/etc/bm/x.xml", "<password>hunter2</password>\n"),
        ("/etc/bm/bm-core.tok", f"{TOKEN}\n"),
        ("/etc/bm/key.pem", "-----BEGIN PRIVATE KEY-----\nhunter2\n"),
        ("/etc/postfix/relay_passwd", "[smtp.x]:587 user:hunter2\n"),
        ("/etc/postfix/sasl_passwd", "[smtp.x]:587 user:hunter2\n"),
        ("/etc/bm/sw.htpasswd", "admin:{SHA}hunter2\n"),
    ],
)
def test_no_secret_is_shown_and_yet_the_difference_is(path: str, secret: str) -> None:
    for other in (b"other\n", None, secret.replace("hunter", "old").encode()):
        shown = _diff(path, secret.encode(), other)
        assert path in shown or other == secret.encode()
        for word in (PASSWORD.strip(), TOKEN, "hunter2", "old2"):
            assert word not in shown


def test_a_binary_file_is_told_by_its_size() -> None:
    assert "/etc/bm/bm.jks: binary, 0 bytes become 3" in _diff("/etc/bm/bm.jks", b"\0\1\2", None)


def test_a_file_that_goes_is_shown() -> None:
    assert "-mine" in _diff("/etc/bm/left-over.disabled", None, b"mine\n")


def test_the_password_is_read_by_the_server_itself() -> None:
    change = list(STEP.run(servers()))[-2]
    assert isinstance(change.act, Run)
    script = change.act.input.decode()
    assert PASSWORD.strip() not in script
    assert "/etc/bm/bm.ini" in script
    assert "log_statement = 'none'" in script


def test_a_role_of_any_name_stays_one_word() -> None:
    pair = servers()
    _host(pair, "source").files["/etc/bm/bm.ini"] = b'[global]\nuser = b"j\n'
    change = list(STEP.run(pair))[-2]
    assert isinstance(change.act, Run)
    assert 'alter role "b""j" password' in change.act.input.decode()


class Disk:
    """A folder that stands for the target's disk: the scripts run on it for real."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = [f"{folder}/etc/bm", f"{folder}/etc/krb5.conf", f"{folder}/etc/dangling"]
        step = Configuration((), (), (), f"{folder}/kept", "/x")
        keep = next(iter(step.run(servers())))
        assert isinstance(keep.act, Run)
        assert isinstance(keep.back, Run)
        self.scripts = (keep.act.argv[:5], keep.back.argv[:5])

    def keep(self) -> None:
        """Keep aside."""
        subprocess.run((*self.scripts[0], *self.paths), check=True)

    def put_back(self) -> None:
        """Put back."""
        subprocess.run((*self.scripts[1], *self.paths), check=True)

    def seen(self) -> dict[str, str]:
        """Every file below etc and what it holds."""
        top = self.folder / "etc"
        return {
            str(path.relative_to(top)): str(path.readlink())
            if path.is_symlink()
            else path.read_text()
            for path in sorted(top.rglob("*"))
            if path.is_symlink() or path.is_file()
        }


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A disk as the wizard left it."""
    (tmp_path / "etc/bm").mkdir(parents=True)
    (tmp_path / "etc/bm/bm.ini").write_text("wizard")
    (tmp_path / "etc/bm/it's odd\n").write_text("odd")
    (tmp_path / "etc/bm/server.uid").write_text("uid")
    (tmp_path / "etc/dangling").symlink_to("/nowhere")
    return Disk(tmp_path)


def _move(folder: Path) -> None:
    (folder / "etc/bm/bm.ini").write_text("source")
    (folder / "etc/bm/server.uid").unlink()
    (folder / "etc/bm/more").write_text("source")
    (folder / "etc/krb5.conf").write_text("source")
    (folder / "etc/dangling").unlink()


real = pytest.mark.programs("sh", "rsync", "cp")


@real
def test_what_was_kept_is_put_back_as_a_whole(disk: Disk, tmp_path: Path) -> None:
    before = disk.seen()
    disk.keep()
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    _move(tmp_path)
    disk.put_back()
    assert disk.seen() == before
    disk.put_back()
    assert disk.seen() == before


@real
def test_a_second_attempt_doesnt_keep_what_the_first_one_brought(
    disk: Disk, tmp_path: Path
) -> None:
    before = disk.seen()
    disk.keep()
    _move(tmp_path)
    disk.keep()
    disk.put_back()
    assert disk.seen() == before


@real
def test_half_of_what_was_kept_is_kept_anew(disk: Disk, tmp_path: Path) -> None:
    """Killed in the middle of keeping: nothing was altered yet."""
    before = disk.seen()
    (tmp_path / "kept.part").mkdir()
    (tmp_path / "kept.part/half").write_text("x")
    disk.keep()
    assert not (tmp_path / "kept/half").exists()
    _move(tmp_path)
    disk.put_back()
    assert disk.seen() == before


@real
def test_before_anything_was_kept_nothing_is_put_back(disk: Disk) -> None:
    before = disk.seen()
    disk.put_back()
    assert disk.seen() == before
