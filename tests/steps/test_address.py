"""Tests of the steps that replace the server at network level, on two machines made of facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from tests.steps.network.machine import Machine
from tests.steps.network.samples import IFUPDOWN, INTERFACES, NETWORK, NETWORKD
from transhume.core.change import Act, Carry, Change, Keep, Never, Pause, Reroute, leaves
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.settings import AddressSettings
from transhume.core.step import Step
from transhume.hosts.reading import only_reads
from transhume.steps.address import AddressSteps, address_steps

ROUTES: dict[int, list[dict[str, object]]] = {
    4: [
        {"dst": "192.0.2.0/24", "protocol": "kernel", "scope": "link", "prefsrc": "192.0.2.10"},
        {"dst": "default", "gateway": "192.0.2.1", "flags": ["onlink"], "prefsrc": "192.0.2.10"},
        {"dst": "10.0.0.0/8", "gateway": "198.51.100.1", "protocol": "static", "metric": 50},
    ],
    6: [{"dst": "default", "gateway": "fe80::1", "protocol": "ra", "metric": 1024}],
}
LABEL: dict[str, object] = {"label": "ens3", "broadcast": "192.0.2.255"}
OWN = b"[Match]\nName=ens3\n[Network]\nAddress=192.0.2.20/24\n"
STATE = "/run/systemd/netif/links/2"


def _source() -> Machine:
    return Machine(
        "source",
        {INTERFACES: IFUPDOWN},
        {"192.0.2.10/24": LABEL, "2001:db8::10/64": {}, "2001:db8::7/64": {"dynamic": True}},
        ROUTES,
    )


def _target() -> Machine:
    return Machine(
        "target",
        {NETWORK: OWN, STATE: f"NETWORK_FILE={NETWORK}\n".encode()},
        {"192.0.2.20/24": {}},
        {4: [{"dst": "default", "gateway": "192.0.2.1"}], 6: ROUTES[6]},
        frozenset({"systemd-networkd.service"}),
        card="02:00:00:00:00:20",
        answering={"192.0.2.10": "02:00:00:00:00:10", "2001:db8::10": "02:00:00:00:00:10"},
    )


SERVICE = ("192.0.2.10/24", "2001:db8::10/64")
MAINTENANCE = ("192.0.2.11/24", "2001:db8::11/64")


@dataclass
class Move:
    """The steps on two machines, with what they found and did."""

    source: Machine = field(default_factory=_source)
    target: Machine = field(default_factory=_target)
    maintenance: tuple[str, ...] = MAINTENANCE
    service: tuple[str, ...] = SERVICE
    made: list[Change] = field(default_factory=list)

    @property
    def pair(self) -> Pair:
        return Pair(self.source, self.target)

    @property
    def steps(self) -> tuple[Step, ...]:
        steps = address_steps(
            AddressSettings(
                how="take",
                service=self.service,
                maintenance=self.maintenance,
                source_device="ens3",
                target_device="ens3",
            )
        )
        return (*steps.before_freeze, *steps.settle_back, *steps.replace, *steps.settle)

    def check(self) -> set[tuple[str, str]]:
        found = [each for step in self.steps for each in step.check(self.pair)]
        return {(each.key, each.severity) for each in found}

    def go(self) -> None:
        for step in self.steps:
            for change in step.run(self.pair):
                self.made.append(change)
                self.perform(change.act)

    def back(self) -> None:
        for change in reversed(self.made):
            assert not isinstance(change.back, Never | Carry)
            if not isinstance(change.back, Keep):
                self.perform(change.back)

    def perform(self, act: Act) -> None:
        for leaf in leaves(act):
            if isinstance(leaf, Reroute):
                self.source.reached = leaf.to or "192.0.2.10"
        self.source.perform(act)
        self.target.perform(act)

    def proof(self) -> list[Finding]:
        seen = [each for step in self.steps for each in step.verify(self.pair)]
        return [each for each in seen if isinstance(each, Finding)]


def _index(done: list[str], begin: str) -> int:
    return next(number for number, each in enumerate(done) if each.startswith(begin))


def _titles(changes: Iterable[Change]) -> list[str]:
    return [change.title for change in changes]


def test_a_move_that_can_be_made_only_warns_of_what_the_target_sends_from() -> None:
    assert Move().check() == {("outgoing-address", "warns")}


def test_the_changes_read_like_sentences() -> None:
    move = Move()
    move.go()
    assert _titles(move.made) == [
        "let ens3 lose single addresses",
        "add 192.0.2.11/24, 2001:db8::11/64 to ens3",
        f"write {INTERFACES}",
        "reach the source at 192.0.2.11",
        "look for 192.0.2.10/24, 2001:db8::10/64 on ens3",
        "take 192.0.2.10/24, 2001:db8::10/64 from ens3",
        f"write {INTERFACES}",
        "let ens3 lose single addresses",
        "take 192.0.2.10/24, 2001:db8::10/64 on ens3",
        f"write {NETWORK}",
        "wait for 192.0.2.10/24, 2001:db8::10/64",
    ]


def test_after_the_move_every_proof_holds_and_nothing_is_left_to_do() -> None:
    move = Move()
    assert {each.severity for each in move.proof()} == {"blocks"}
    move.go()
    assert move.proof() == []
    changes = [_titles(step.run(move.pair)) for step in move.steps]
    assert changes == [[], [], [], [], ["wait for 192.0.2.10/24, 2001:db8::10/64"]]


def test_the_way_back_ends_where_it_began() -> None:
    move, untouched = Move(), Move()
    move.go()
    move.back()
    for now, before in ((move.source, untouched.source), (move.target, untouched.target)):
        assert (now.files, set(now.held), now.promotes) == (
            before.files,
            set(before.held),
            before.promotes,
        )
    assert move.source.reached == "192.0.2.10"


def test_a_target_that_restarts_on_the_way_back_never_holds_what_the_source_has() -> None:
    move = Move()
    move.go()
    move.target.done.clear()
    move.back()
    done = move.target.done
    assert _index(done, f"write {NETWORK}") < _index(done, "ip addr del")


def test_the_source_gives_up_at_once_before_its_files_change() -> None:
    move = Move()
    move.go()
    done = move.source.done
    first = _index(done, "ip addr del 192.0.2.10/24")
    assert done[first:].index(f"write {INTERFACES} 640") > 0


def test_routes_come_back_without_the_address_that_left() -> None:
    move = Move()
    move.go()
    done = move.source.done
    assert "ip -4 route replace default via 192.0.2.1 onlink dev ens3" in done
    # Its gateway was in the network of no address that stays.
    assert not any("10.0.0.0/8" in each for each in done)
    done.clear()
    move.back()
    assert "ip -4 route replace default via 192.0.2.1 onlink src 192.0.2.10 dev ens3" in done
    via = "via 198.51.100.1 proto static metric 50"
    assert f"ip -4 route replace 10.0.0.0/8 {via} dev ens3" in done


def test_addresses_are_dropped_singly_also_after_a_restart() -> None:
    move = Move()
    move.go()
    move.source.done.clear()
    move.back()
    done = move.source.done
    setting = "sysctl -q -w net.ipv4.conf.ens3.promote_secondaries=1"
    assert done.index(setting) < _index(done, "ip addr del 192.0.2.11/24")


def test_the_target_asks_who_holds_the_address_before_it_takes_it_and_tells_after() -> None:
    move = Move()
    move.go()
    words = "ens3 192.0.2.10 2001:db8::10"
    order = [
        f"python3 -I - probe {words}",
        "ip addr replace 192.0.2.10/24 broadcast + dev ens3",
        "ip addr replace 2001:db8::10/64 dev ens3",
        "python3 -I - mention ens3 192.0.2.10",
        "ens3 192.0.2.20 192.0.2.10",
        words,
        f"python3 -I - announce {words}",
    ]
    done = [each for each in move.target.done if each in order]
    assert done == order


def test_an_own_address_that_a_manager_has_just_dropped_is_waited_for() -> None:
    move = Move()
    pair, (*_, take, settle) = move.pair, move.steps
    for change in take.run(pair):
        move.perform(change.act)
    own = move.target.held.pop("192.0.2.20/24")
    (waiting,) = settle.run(pair)
    move.target.held["192.0.2.20/24"] = own
    (later,) = settle.run(pair)
    assert waiting.act == later.act
    assert "192.0.2.20" in str(next(iter(waiting.act.commands())))


def test_an_address_that_failed_the_kernels_question_is_asked_about_anew() -> None:
    move = Move()
    move.target.held["2001:db8::10/64"] = {"dadfailed": True, "tentative": True}
    take = move.steps[-2]
    assert "2001:db8::10 can't be used on ens3" in {each.seen for each in move.proof()}
    act = next(change.act for change in take.run(move.pair) if "take" in change.title)
    commands = [str(command) for command in act.commands()]
    dropped = commands.index("ip addr del 2001:db8::10/64 dev ens3")
    assert dropped < commands.index("ip addr replace 2001:db8::10/64 dev ens3")


def test_a_source_reached_elsewhere_needs_no_maintenance_address() -> None:
    move = Move(maintenance=())
    move.source.reached = "198.51.100.9"
    move.source.files[INTERFACES] = IFUPDOWN.replace(b"\tgateway", b"\t# gateway")
    assert move.check() == {("outgoing-address", "warns")}
    move.go()
    assert move.proof() == []
    assert not any(isinstance(change.act, Reroute) for change in move.made)


def test_the_way_is_of_the_same_family() -> None:
    move = Move()
    move.source.reached = "2001:db8::10"
    move.go()
    assert move.source.reached == "2001:db8::11"


def _maintenance(move: Move) -> None:
    move.maintenance = ()


def _unknown_way(move: Move) -> None:
    move.maintenance, move.source.reached = (), ""


def _third_machine(move: Move) -> None:
    move.target.answering["192.0.2.10"] = "02:00:00:00:00:99"


def _maintenance_taken(move: Move) -> None:
    move.target.answering["192.0.2.11"] = "02:00:00:00:00:99"


def _maintenance_moves(move: Move) -> None:
    move.maintenance = ("192.0.2.10/24", "2001:db8::11/64")


def _sshd_bound(move: Move) -> None:
    move.source.listen = ("192.0.2.10:22", "[2001:db8::10]:22")


def _absent(move: Move) -> None:
    del move.source.held["192.0.2.10/24"]
    move.target.answering = {}


def _given(move: Move) -> None:
    move.source.held["192.0.2.10/24"] = {"dynamic": True}


def _prefix(move: Move) -> None:
    move.source.held = {"192.0.2.10/25": {}, "2001:db8::10/64": {}}


def _unwritten(move: Move) -> None:
    move.source.files[INTERFACES] = IFUPDOWN.replace(b"2001:db8::10", b"2001:db8::12")


def _no_device(move: Move) -> None:
    move.source.device = move.target.device = "eth0"


def _symbolic_link(move: Move) -> None:
    move.source.links = frozenset({INTERFACES})


def _unmanaged(move: Move) -> None:
    move.target.active = frozenset()


def _twice_managed(move: Move) -> None:
    move.target.files[INTERFACES] = IFUPDOWN


def _no_gateway(move: Move) -> None:
    move.target.routes = {}


@pytest.mark.parametrize(
    ("happened", "key", "severity"),
    [
        (_maintenance, "maintenance-missing", "blocks"),
        (_unknown_way, "way-unknown", "unknown"),
        (_maintenance_taken, "maintenance-taken", "blocks"),
        (_maintenance_moves, "maintenance-moves", "blocks"),
        (_sshd_bound, "maintenance-sshd", "blocks"),
        (_absent, "address-absent", "blocks"),
        (_given, "address-given", "blocks"),
        (_prefix, "address-prefix", "warns"),
        (_unwritten, "network-source", "blocks"),
        (_no_device, "source-device", "blocks"),
        (_no_device, "target-device", "blocks"),
        (_symbolic_link, "network-source", "blocks"),
        (_unmanaged, "network-target", "blocks"),
        (_twice_managed, "network-target", "blocks"),
        (_third_machine, "address-taken", "blocks"),
        (_no_gateway, "no-gateway-4", "warns"),
    ],
)
def test_what_would_go_wrong_is_said_before(happened: object, key: str, severity: str) -> None:
    move = Move()
    assert callable(happened)
    happened(move)
    assert (key, severity) in move.check()


def test_everything_that_is_asked_only_reads() -> None:
    move = Move()
    asked: list[tuple[str, ...]] = []
    for machine in (move.source, move.target):
        ask = machine.ask
        machine.ask = lambda *argv, ask=ask: (asked.append(argv), ask(*argv))[1]  # type: ignore
    move.check()
    move.go()
    move.proof()
    assert [argv for argv in asked if not only_reads(argv)] == []


def test_a_script_stands_in_the_same_place() -> None:
    settings = AddressSettings(how="script", script="/root/move", service=("192.0.2.10/24",))
    (step,) = address_steps(settings).replace
    (change,) = step.run(Move().pair)
    assert isinstance(change.back, type(change.act))
    assert [str(each) for each in change.act.commands()] == ["/root/move take 192.0.2.10/24"]
    assert [str(each) for each in change.back.commands()] == ["/root/move give-back 192.0.2.10/24"]


@pytest.mark.parametrize(
    ("mode", "present", "expected"),
    [
        ("755 0", True, []),
        ("777 0", True, ["address-script"]),
        ("755 1000", True, ["address-script"]),
        ("755 0", False, ["address-script"]),
    ],
)
def test_a_script_that_others_may_write_isnt_run(
    mode: str, present: bool, expected: list[str]
) -> None:
    settings = AddressSettings(how="script", script="/root/move")
    (step,) = address_steps(settings).replace
    move = Move()
    move.target.files.update({"/root/move": b""} if present else {})
    move.target.modes["/root/move"] = mode
    assert [each.key for each in step.check(move.pair)] == expected


def test_by_hand_the_admin_is_asked_both_ways() -> None:
    (step,) = address_steps(AddressSettings(how="manual", service=("192.0.2.10/24",))).asked
    (change,) = step.run(Move().pair)
    assert isinstance(change.act, Pause)
    assert isinstance(change.back, Pause)
    assert "192.0.2.10/24" in change.act.message


def test_a_target_that_keeps_its_own_address_needs_no_step() -> None:
    steps = address_steps(AddressSettings(how="none", becomes="192.0.2.20"))
    assert steps == AddressSteps()


def test_networkd_is_told_and_waited_for() -> None:
    move = Move()
    move.source.files = {
        NETWORK: NETWORKD,
        STATE: f"NETWORK_FILE={NETWORK}\n".encode(),
    }
    move.source.active = frozenset({"systemd-networkd.service"})
    move.go()
    done = move.source.done
    written = _index(done, f"write {NETWORK}")
    assert done[written + 1 : written + 3] == [
        "ens3",
        "ens3 192.0.2.10 2001:db8::10 192.0.2.11 2001:db8::11",
    ]
    assert move.proof() == []
