"""Once the target serves nothing ties the databases, whatever was killed before."""

from __future__ import annotations

from tests.steps.replication.servers import (
    CONF,
    SUBSCRIBED,
    following,
    note,
    pair,
    source,
    target,
)
from transhume.core.change import Keep, Run, WriteFile, leaves
from transhume.core.finding import Finding, Proof, stopping
from transhume.core.host import Pair
from transhume.steps.replication.identity import Identity
from transhume.steps.replication.let_go import LetGo
from transhume.steps.replication.record import Record

STEP = LetGo(following())
KNOWN = Record("follow", "0/20", identities=(Identity("public", "t_server", "d"),))
SUMS = "select count(*), coalesce(sum(hashtextextended( concat_ws(' ', name, said) collate"
LISTED = "select 'identity', name, coalesce(said, '') from"


def _pair() -> Pair:
    both = pair()
    note(both, "bj", KNOWN)
    note(both, "bj-data", Record("dump"))
    return both


def _loose(both: Pair) -> Pair:
    source(both).held["to_jsonb(s)"] = [(None, "0/20", None, None, False)]
    target(both).held[
        f"{SUBSCRIBED} pg_database d on d.oid = s.subdbid where d.datname = %s and "
        "s.subname like 'transhume\\_%%' bj"
    ] = []
    return both


def _typed(both: Pair) -> list[str]:
    """What of being apart each act is about."""
    words = ("drop subscription", "drop_replication_slot", "drop publication")
    acts = [act for change in STEP.run(both) for act in leaves(change.act)]
    texts = [act.input.decode() for act in acts if isinstance(act, Run)]
    return [word for text in texts for word in words if word in text]


def test_subscription_slot_and_publication_go_and_identities_come_back() -> None:
    both = _pair()
    assert _typed(both) == ["drop subscription", "drop_replication_slot", "drop publication"]
    (change,) = STEP.run(both)
    last = [act for act in leaves(change.act) if isinstance(act, Run)][-1]
    assert 'alter table only "public"."t_server" replica identity default;' in last.input.decode()
    assert isinstance(change.back, Keep)
    (found,) = [item for item in STEP.verify(both) if isinstance(item, Finding)]
    assert (found.key, found.severity) == ("still-tied", "blocks")


def test_what_is_apart_is_left_alone_and_proved() -> None:
    both = _loose(_pair())
    assert list(STEP.run(both)) == []
    (proof,) = STEP.verify(both)
    assert isinstance(proof, Proof)
    assert (proof.part, proof.whole) == ("bj: identities", True)


def test_identities_that_a_kill_left_are_put_back() -> None:
    both = _loose(_pair())
    source(both).held[SUMS] = [(2, "1")]
    source(both).held[LISTED] = [("identity", "public.t_server", "f")]
    target(both).held[LISTED] = []
    assert len(_typed(both)) == 3
    assert stopping(STEP.verify(both))


def test_settings_and_tunnel_go_as_well() -> None:
    both = _pair()
    own = b"work_mem = '4MB'\n"
    source(both).files[CONF] = (
        own + b"# transhume: begin\nwal_level = 'logical'\n# transhume: end\n"
    )
    target(both).units["transhume-follow.service"] = ("active", "")
    target(both).files["/run/transhume-follow/.s.PGSQL.5432"] = b""
    (*_, last) = STEP.run(both)
    acts = list(leaves(last.act))
    assert WriteFile("source", CONF, own, "0600", "postgres:postgres") in acts
    assert any(
        "rm -rf /run/transhume-follow" in str(command) for act in acts for command in act.commands()
    )
