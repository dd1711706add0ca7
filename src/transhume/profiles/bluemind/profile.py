"""The plan for moving a BlueMind 5 server: which steps, in which order."""

from __future__ import annotations

import os

from transhume.core.plan import Beside, Plan
from transhume.core.settings import Settings
from transhume.core.step import Step
from transhume.profiles.bluemind import after
from transhume.profiles.bluemind.checks import checks
from transhume.profiles.bluemind.layout import Layout
from transhume.profiles.bluemind.readdress import BackupFolder, OldAddress, Readdress
from transhume.steps import (
    databases,
    door,
    follow_trees,
    postgresql,
    prove_followed,
    services,
    trees,
)
from transhume.steps.address import AddressSteps, address_steps
from transhume.steps.answers import Ask, Visitor
from transhume.steps.back.forget import ForgetReturn
from transhume.steps.back.turn import FollowTarget, PrepareTarget, TurnDatabases, TurnTrees
from transhume.steps.back.way import Way
from transhume.steps.catch_up import CatchUp
from transhume.steps.configuration import Configuration
from transhume.steps.configuration_finish import FinishConfiguration
from transhume.steps.copier import Copier
from transhume.steps.freeze import CloseSource, Fence, Freeze
from transhume.steps.guard.arm import Arm, Confirm, Disarm
from transhume.steps.key import ForgetKey, UseKey
from transhume.steps.mark import MarkDatabases
from transhume.steps.queue import MoveQueue, ReleaseQueue
from transhume.steps.replication.behind import WaitForDatabases
from transhume.steps.replication.finish import FinishDatabases, Ready
from transhume.steps.replication.follow import Follow
from transhume.steps.replication.following import Following
from transhume.steps.replication.hot_proof import ForgetProof, Ledger, ProveHot
from transhume.steps.replication.let_go import LetGo
from transhume.steps.replication.record import Shelf
from transhume.steps.replication.settings import PrepareSource
from transhume.steps.requirements.step import Requirements
from transhume.steps.server_settings import ServerSettings
from transhume.steps.visit import Visit

MARKER = "/etc/transhume-moved"
SERVER_SETTINGS = ServerSettings("postgresql.conf.local")


def all_trees(layout: Layout, settings: Settings) -> tuple[trees.Tree, ...]:
    """The layout's trees and the admin's own."""
    known = tuple(trees.Tree(tree.path, tree.optional, tree.churns) for tree in layout.tree)
    return known + tuple(trees.Tree(path) for path in settings.trees)


def configuration(layout: Layout, settings: Settings) -> Configuration:
    """The step that brings the configuration hot; also asked for its diff."""
    part = layout.configuration
    return Configuration(
        part.folders, part.files, part.own, f"{settings.state}/kept", layout.databases.ini
    )


def copier(layout: Layout, settings: Settings) -> Copier:
    """How the databases move; also asked for their names."""
    known = layout.databases
    jobs = settings.databases.jobs or os.cpu_count() or 1
    return Copier(known.names, known.optional, f"{settings.state}/dumps", jobs)


def following(layout: Layout, settings: Settings) -> Following:
    """Which databases follow the source, and which are dumped."""
    chosen = settings.databases
    shelf = Shelf(f"{settings.state}/following")
    copied = copier(layout, settings)
    return Following(copied, chosen.strategy, chosen.restart, layout.databases.ini, shelf)


def way_back(layout: Layout, settings: Settings) -> Way:
    """How what people do on the target is carried back to the source."""
    barred = ""
    if settings.address.becomes:
        barred = "the target keeps an address of its own, which stands in its databases"
    elif settings.databases.strategy == "dump":
        barred = 'the settings have the databases dumped ([databases] strategy = "dump")'
    return Way(following(layout, settings), all_trees(layout, settings), barred)


def driven(layout: Layout) -> services.Services:
    """How the services are started and stopped."""
    own = layout.services
    return services.Services(
        own.patterns,
        own.mail,
        own.stop,
        own.start,
        own.others,
        own.port,
        own.state,
        own.serving,
        own.starting,
        own.limit,
    )


def ports(layout: Layout) -> door.Ports:
    """Where people come in, and where the server's parts meet."""
    return door.Ports(layout.services.ports, layout.services.inner)


def ledger(layout: Layout, settings: Settings) -> Ledger:
    """Where it is noted what was proved hot."""
    return Ledger(following(layout, settings), f"{settings.state}/proved")


def mark(settings: Settings) -> str:
    """The file that says where the copied rows end."""
    return f"{settings.state}/proved/mark"


def plan(layout: Layout, settings: Settings) -> Plan:
    """All steps in order."""
    own, becomes = layout.services, settings.address.becomes
    moved, copied = all_trees(layout, settings), copier(layout, settings)
    follows, way = following(layout, settings), way_back(layout, settings)
    addresses, proof = address_steps(settings.address), ProveHot(ledger(layout, settings))
    # Where the target takes the source's address nothing in the maps and in the firewall's own
    # script changes; both were proved with the configuration.
    maps = after.Maps(layout.configuration.maps, own.port, own.token, becomes is not None)
    return Plan(
        (
            Requirements(checks(layout, settings, copied.jobs)),
            UseKey(),
            door.Close(ports(layout)),
            services.HoldTarget(driven(layout)),
            postgresql.StartPostgres(),
            SERVER_SETTINGS,
            PrepareSource(follows),
            follow_trees.FollowTrees(moved),
            trees.SyncTrees(moved),
            Follow(follows),
            # Not before the copy: a log that can be followed doubles what an index costs to make.
            PrepareTarget(way),
            proof,
            databases.Rehearse(copied, follows.dumped),
            Ask(visitor(layout, settings)),
            *addresses.before_freeze,
            configuration(layout, settings),
            databases.Empty(copied, follows.dumped),
            prove_followed.ProveFollowed(moved),
            Ready(follows),
            FollowTarget(way),
            CatchUp(_again(proof, layout, settings), settings.cutover.rest),
            guard(layout, settings),
            *addresses.settle_back,
            Freeze(driven(layout)),
            _ends(layout, settings, addresses),
            *addresses.asked,
            *((Readdress(becomes, layout.address),) if becomes else ()),
            _starts(layout, becomes, addresses),
            *((maps,) if becomes else ()),
            _visit(layout, settings),
            Confirm(),
            door.Open(own.mail, way.hindrance),
            # Before the queue: a message that is tried while Postfix reloads its maps waits longer.
            *(() if becomes else (after.Firewall(), maps)),
            ReleaseQueue(),
            Disarm(),
            # Before the source's settings go: its PostgreSQL wouldn't start with a slot left.
            ForgetProof(ledger(layout, settings)),
            LetGo(follows, not way.barred),
            after.Tick(becomes, layout.address),
            *((OldAddress(layout.address),) if becomes else ()),
            follow_trees.StopFollowing(),
            ForgetReturn(way),
            *((BackupFolder(becomes, layout.address),) if becomes else ()),
            door.Tidy((copied.folder, follows.shelf.folder, ledger(layout, settings).folder)),
            ForgetKey(),
        )
    )


def _again(proof: ProveHot, layout: Layout, settings: Settings) -> tuple[Step, ...]:
    """What is made once more before anything is stopped: minutes may have passed since it was."""
    moved = all_trees(layout, settings)
    follows = following(layout, settings)
    copy, again = trees.SyncTrees(moved), prove_followed.ProveAgain(moved)
    # Copied before it, for that closes gaps, and after it: a large tree takes minutes to compare.
    return proof, copy, again, copy, WaitForDatabases(follows)


def _fence(layout: Layout, settings: Settings) -> Fence:
    identity = f"{settings.source.ssh} {settings.source.host_key.split()[1][-16:]}"
    return Fence(driven(layout), MARKER, identity, CloseSource(ports(layout)))


def guard(layout: Layout, settings: Settings) -> Arm:
    """What watches over the switch, and which steps that is."""
    addresses = address_steps(settings.address)
    fence = _fence(layout, settings)
    stop = (*addresses.settle_back, Freeze(driven(layout)))
    switch = (*stop, fence, fence.door, *addresses.replace)
    return Arm(switch, addresses.free, addresses.contested, settings.cutover.guard)


def _starts(layout: Layout, becomes: str | None, addresses: AddressSteps) -> Beside:
    """While the services start nothing else waits for them."""
    start = services.Start(driven(layout))
    return Beside(
        (
            addresses.settle,
            (CloseSource(ports(layout)),),
            (start, *((after.Firewall(),) if becomes else ())),
            () if becomes else (after.Networks(),),
        )
    )


def _ends(layout: Layout, settings: Settings, addresses: AddressSteps) -> Beside:
    """What has to be done once nobody writes: none of it waits for another."""
    copied, follows = copier(layout, settings), following(layout, settings)
    way = way_back(layout, settings)
    return Beside(
        (
            (_fence(layout, settings),),
            (trees.FinishTrees(way.trees), TurnTrees(way)),
            (
                postgresql.StartSourcePostgres(),
                FinishDatabases(follows, ledger(layout, settings), not way.barred),
                databases.Dump(copied, follows.dumped),
                databases.Restore(copied, follows.dumped),
                MarkDatabases(copied, mark(settings)),
                TurnDatabases(way),
            ),
            (FinishConfiguration(configuration(layout, settings)),),
            (MoveQueue(layout.services.mail),),
            addresses.replace,
        )
    )


def visitor(layout: Layout, settings: Settings) -> Visitor:
    """What a visitor meets, at the address of people as seen from the target itself."""
    known, given = layout.configuration, settings.address
    people = given.service[0].partition("/")[0] if given.service else ""
    mailboxes = next(path for path in known.maps if path.endswith("virtual_mailbox"))
    return Visitor(
        people if given.how == "take" else "127.0.0.1",
        people,
        f"{mailboxes}-flat",
        layout.services.state,
        f"{settings.state}/answers.json",
    )


def _visit(layout: Layout, settings: Settings) -> Visit:
    certificate = layout.configuration.certificate
    return Visit(layout.services.mail, certificate, visitor(layout, settings))
