"""Generates stored mail in bulk: bodies in both tiers, rows by COPY, as many processes as cores."""

from __future__ import annotations

import base64
import json
import math
import multiprocessing
import os
import pwd
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from io import StringIO
from typing import Any

from . import db, mailstore, settings, zstd
from .accounts import Account
from .words import WORDS

CHUNK = 500
# Each message owns this many item numbers, so that chunks need not agree on anything.
_COPIES = 4
_LAST = datetime(2026, 11, 1, 12, 0, 0, tzinfo=timezone.utc)
_YEARS = timedelta(days=730)
_SPREAD = 1.3
_CAP = 4 << 20
_SEEN, _FLAGGED, _DELETED = 4, 2, 8

COLUMNS = {
    "t_message_body": "guid, subject, structure, headers, recipients, message_id,"
    " references_header, date_header, size, preview, body_version, created",
    "t_container_item": "id, container_id, uid, version, displayname, createdby, updatedby,"
    " created, updated, flags",
    "t_mailbox_record": "item_id, subtree_id, container_id, imap_uid, conversation_id,"
    " last_updated, internal_date, system_flags, message_body_guid, other_flags",
    "s_mailbox_record": "item_id, container_id, internal_date, subject, size, sender, unseen,"
    " flagged, deleted",
    "t_changeset": "type, version, container_id, item_id, weight_seed, date, item_uid",
    "t_conversationreference": "mailbox_id, message_id_hash, conversation_id, created",
}


@dataclass(frozen=True)
class Order:
    """What to generate."""

    seed: int
    messages: int
    median: int
    archived: float
    first_item: int
    accounts: tuple[Account, ...]


@dataclass(frozen=True)
class Letter:
    """One generated message and where it goes."""

    number: int
    thread: int
    subject: str
    sender: str
    date: datetime
    data: bytes
    owners: tuple[Account, ...]

    @property
    def message_id(self) -> str:
        return f"<fill-{self.number}@example.org>"


def size_of(rng: random.Random, median: int) -> int:
    """Return a log-normal size: many small letters, a few with large attachments."""
    return min(_CAP, max(300, int(math.exp(rng.gauss(math.log(median), _SPREAD)))))


def body_text(rng: random.Random, size: int) -> str:
    """Return text that compresses like prose, and for a large size an attachment that doesn't."""
    prose = min(size, 8000)
    text = " ".join(rng.choices(WORDS, k=prose // 6))
    lines = [text[start : start + 72] for start in range(0, len(text), 72)]
    if size > prose:
        blob = base64.encodebytes(rng.randbytes((size - prose) * 3 // 4)).decode()
        lines += ["", "begin-attachment", blob]
    return "\r\n".join(lines).replace("\r\n", "\n").replace("\n", "\r\n")


def letter(order: Order, number: int) -> Letter:
    """Return the message of that number: the same for the same seed, on any core."""
    rng = random.Random(order.seed * 1_000_003 + number)
    thread = number - number % 3 if rng.random() < 0.6 else number
    copies = 1 if rng.random() > 0.12 else rng.randint(2, _COPIES)
    owners = tuple(rng.sample(order.accounts, min(copies, len(order.accounts))))
    sender = f"{rng.choice(WORDS)}.{rng.choice(WORDS)}@outside.example"
    words = " ".join(random.Random(thread + order.seed).choices(WORDS, k=4))
    subject = words if thread == number else f"Re: {words}"
    date = _LAST - _YEARS * (1 - number / order.messages)
    text = body_text(rng, size_of(rng, order.median))
    head = _head(number, thread, subject, sender, date, owners[0].address)
    return Letter(number, thread, subject, sender, date, f"{head}{text}\r\n".encode(), owners)


def _head(
    number: int, thread: int, subject: str, sender: str, date: datetime, recipient: str
) -> str:
    lines = (
        f"From: {sender}",
        f"To: {recipient}",
        f"Subject: {subject}",
        f"Date: {format_datetime(date)}",
        f"Message-ID: <fill-{number}@example.org>",
        f"References: <fill-{thread}@example.org>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "",
    )
    return "\r\n".join(lines)


class Rows:
    """Collects rows for COPY, one buffer for each table."""

    def __init__(self) -> None:
        self.buffers = {table: StringIO() for table in COLUMNS}
        self.count = 0

    def add(self, table: str, *values: object) -> None:
        self.buffers[table].write("\t".join(copy_text(value) for value in values) + "\n")
        self.count += table == "t_mailbox_record"

    def send(self, session: Any) -> None:
        with session.cursor() as cursor:
            for table, buffer in self.buffers.items():
                buffer.seek(0)
                cursor.copy_expert(f"COPY {table} ({COLUMNS[table]}) FROM STDIN", buffer)
        session.commit()


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(value: object) -> str:
    """Return a value in the text form of COPY."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value).translate(_ESCAPES)


def _flags(number: int) -> int:
    """Most mail is read; a little is flagged or marked as deleted."""
    return (
        (_SEEN if number % 5 else 0)
        | (_FLAGGED if number % 37 == 0 else 0)
        | (_DELETED if number % 101 == 0 else 0)
    )


def add_rows(rows: Rows, order: Order, mail: Letter, guid: bytes) -> None:
    headers = json.dumps({"from": mail.sender, "to": mail.owners[0].address})
    size, thread = len(mail.data), mailstore.conversation(f"<fill-{mail.thread}@example.org>")
    rows.add(
        "t_message_body", guid, mail.subject, json.dumps({"mime": "text/plain", "size": size}),
        headers, json.dumps([mail.owners[0].address]), mail.message_id,
        f"{{<fill-{mail.thread}@example.org>}}", mail.date, size, _preview(mail), 1, mail.date,
    )  # fmt: skip
    for copy, owner in enumerate(mail.owners):
        _add_record(
            rows, mail, guid, owner, order.first_item + mail.number * _COPIES + copy, thread
        )


def _preview(mail: Letter) -> str:
    return mail.data.partition(b"\r\n\r\n")[2][:160].decode(errors="ignore")


def _add_record(
    rows: Rows, mail: Letter, guid: bytes, owner: Account, item: int, thread: int
) -> None:
    folder = owner.folders["inbox" if mail.number % 10 else "sent"]
    version, flags, date = mail.number + 1, _flags(mail.number), mail.date
    uid = f"{item:08x}-{guid.hex()[:12]}"
    other = '{"$Important","café"}' if mail.number % 53 == 0 else None
    rows.add(
        "t_container_item", item, folder, uid, version, guid.hex(), "fill", "fill", date, date, 0
    )
    rows.add(
        "t_mailbox_record", item, owner.subtree_id, folder, version, thread, date, date, flags,
        guid, other,
    )  # fmt: skip
    subject = mail.subject[4:] if mail.subject.startswith("Re: ") else mail.subject
    rows.add(
        "s_mailbox_record", item, folder, date, subject, len(mail.data), mail.sender,
        not flags & _SEEN, bool(flags & _FLAGGED), bool(flags & _DELETED),
    )  # fmt: skip
    rows.add("t_changeset", 0, version, folder, item, len(mail.data), date, uid)
    number = mailstore.conversation(mail.message_id)
    rows.add("t_conversationreference", owner.subtree_id, number, thread, date)


def _store(body: mailstore.Body, archived: bool, date: datetime, owner: Any) -> int:
    packed = zstd.compress(body.data)
    path = body.path(settings.ARCHIVE_TIER if archived else settings.LIVE_TIER)
    with path.open("wb") as file:
        os.fchown(file.fileno(), owner.pw_uid, owner.pw_gid)
        file.write(packed)
    stamp = date.timestamp()
    os.utime(path, (stamp, stamp))
    return len(packed)


_SESSION: list[Any] = []


def _session() -> Any:
    """Return this process's own session, opened after the fork, with ordinary triggers asleep."""
    if not _SESSION:
        session = db.connect(db.MAIL, "fill")
        with session.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        session.commit()
        _SESSION.append(session)
    return _SESSION[0]


def run_chunk(task: tuple[Order, int]) -> tuple[int, int, int]:
    """Generate one chunk; return its records, its bytes and its stored bytes."""
    order, start = task
    rows, plain, packed = Rows(), 0, 0
    owner = pwd.getpwnam("cyrus")
    for number in range(start, min(start + CHUNK, order.messages)):
        mail = letter(order, number)
        body = mailstore.Body.of(mail.data)
        packed += _store(body, number < order.messages * order.archived, mail.date, owner)
        plain += len(mail.data)
        add_rows(rows, order, mail, body.guid)
    rows.send(_session())
    return rows.count, plain, packed


_FINISH = """
INSERT INTO v_conversation_by_folder
  SELECT r.container_id, r.conversation_id, max(s.internal_date), max(s.size), min(s.subject),
         min(s.sender), bool_or(s.unseen), bool_or(s.flagged)
    FROM t_mailbox_record r JOIN s_mailbox_record s USING (container_id, item_id)
   WHERE r.item_id >= %(first)s GROUP BY 1, 2 ON CONFLICT DO NOTHING;
INSERT INTO t_mailbox_folder_flags
  SELECT DISTINCT container_id, unnest(other_flags) FROM t_mailbox_record ON CONFLICT DO NOTHING;
INSERT INTO v_container_item_counter
  SELECT container_id, count(*), 0 FROM t_container_item GROUP BY 1
  ON CONFLICT (container_id) DO UPDATE SET total = excluded.total;
INSERT INTO q_mailbox_record_expunged
  SELECT subtree_id, item_id, container_id, imap_uid FROM t_mailbox_record
   WHERE system_flags & 8 = 8 ON CONFLICT DO NOTHING;
UPDATE t_container_sequence c SET seq = greatest(c.seq, i.version)
  FROM (SELECT container_id, max(version) AS version FROM t_container_item GROUP BY 1) i
 WHERE i.container_id = c.container_id;
SELECT setval('t_container_item_id_seq', (SELECT max(id) FROM t_container_item));
"""


def chunks(order: Order) -> Iterator[tuple[Order, int]]:
    return ((order, start) for start in range(0, order.messages, CHUNK))


def generate(order: Order) -> dict[str, int]:
    """Generate all the mail that is ordered; return the totals."""
    records = plain = packed = 0
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for done in pool.imap_unordered(run_chunk, chunks(order)):
            records, plain, packed = records + done[0], plain + done[1], packed + done[2]
    with db.connect(db.MAIL, "fill") as session, session.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_FINISH, {"first": order.first_item})
    return {"messages": order.messages, "records": records, "bytes": plain, "stored": packed}
