"""Stores one delivered message: its body as a file, its rows in one transaction of bj-data."""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from . import settings, zstd


@dataclass(frozen=True)
class Mailbox:
    """Where mail for one recipient goes."""

    uid: str
    subtree_id: int
    records_id: int


@dataclass(frozen=True)
class Body:
    """One message as it is stored: the bytes, and the name that their SHA-1 gives it."""

    data: bytes
    guid: bytes

    @classmethod
    def of(cls, data: bytes) -> Body:
        return cls(data, hashlib.sha1(data).digest())

    def path(self, tier: Path = settings.LIVE_TIER) -> Path:
        return body_path(self.guid.hex(), tier)


def body_path(name: str, tier: Path = settings.LIVE_TIER) -> Path:
    return tier / name[0] / name[1] / f"{name}.zst"


def write(body: Body) -> None:
    """Write in place and sync, as the real store does: a hot copy can see half a file."""
    path = body.path()
    owner = pwd.getpwnam("cyrus")
    with path.open("wb") as file:
        os.fchown(file.fileno(), owner.pw_uid, owner.pw_gid)
        file.write(zstd.compress(body.data))
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def conversation(message_id: str) -> int:
    """Return a stable 63-bit number for the thread that a message id opens."""
    return int.from_bytes(hashlib.sha1(message_id.encode()).digest()[:8], "big") >> 1


def _date(message: Message) -> datetime | None:
    with suppress(TypeError, ValueError):
        return parsedate_to_datetime(str(message["date"])).astimezone(timezone.utc)
    return None


def _text(value: object) -> str:
    """PostgreSQL stores neither NUL nor lone surrogates."""
    return str(value or "").replace("\0", "").encode("utf-8", "replace").decode()


def body_row(body: Body) -> tuple[Any, ...]:
    """Return the values of t_message_body for a message."""
    message = email.message_from_bytes(body.data, policy=email.policy.compat32)
    headers = {"from": _text(message["from"]), "to": _text(message["to"])}
    structure = {"mime": message.get_content_type(), "size": len(body.data)}
    return (
        body.guid,
        _text(message["subject"]),
        json.dumps(structure),
        json.dumps(headers),
        json.dumps([headers["to"]]),
        _text(message["message-id"]),
        _text(message["references"]).split(),
        _date(message),
        len(body.data),
        _preview(message)[:160],
    )


def _preview(message: Message) -> str:
    payload = b"" if message.is_multipart() else message.get_payload(decode=True)
    return _text(payload.decode("utf-8", "replace")) if isinstance(payload, bytes) else ""


_BODY = """INSERT INTO t_message_body (guid, subject, structure, headers, recipients, message_id,
  references_header, date_header, size, preview)
  VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (guid) DO NOTHING"""
_SEQUENCE = "UPDATE t_container_sequence SET seq = seq + 1 WHERE container_id = %s RETURNING seq"
_ITEM = """INSERT INTO t_container_item
  (container_id, uid, version, displayname, createdby, updatedby, created, updated)
  VALUES (%s, gen_random_uuid()::text, %s, %s, 'lmtp', 'lmtp', now(), now()) RETURNING id, uid"""
_RECORD = """INSERT INTO t_mailbox_record (item_id, subtree_id, container_id, imap_uid,
  conversation_id, last_updated, internal_date, system_flags, message_body_guid)
  VALUES (%s, %s, %s, %s, %s, now(), now(), 0, %s)"""
_CHANGE = """INSERT INTO t_changeset
  (type, version, container_id, item_id, weight_seed, date, item_uid)
  VALUES (0, %s, %s, %s, %s, now(), %s)"""
_REFERENCE = """INSERT INTO t_conversationreference (mailbox_id, message_id_hash, conversation_id,
  created) VALUES (%s, %s, %s, now()) ON CONFLICT DO NOTHING"""


def insert(cursor: Any, body: Body, mailboxes: list[Mailbox]) -> None:
    """Insert the rows of one message for all its mailboxes; the caller commits."""
    row = body_row(body)
    cursor.execute(_BODY, row)
    # One order for all deliveries: two that share mailboxes must not lock them crosswise.
    for mailbox in sorted(mailboxes, key=lambda box: box.records_id):
        _insert_record(cursor, body, row, mailbox)


def _insert_record(cursor: Any, body: Body, row: tuple[Any, ...], mailbox: Mailbox) -> None:
    thread = conversation(row[5])
    cursor.execute(_SEQUENCE, (mailbox.records_id,))
    version = cursor.fetchone()[0]
    cursor.execute(_ITEM, (mailbox.records_id, version, body.guid.hex()))
    item, uid = cursor.fetchone()
    cursor.execute(
        _RECORD, (item, mailbox.subtree_id, mailbox.records_id, version, thread, body.guid)
    )
    cursor.execute(_CHANGE, (version, mailbox.records_id, item, len(body.data), uid))
    cursor.execute(_REFERENCE, (mailbox.subtree_id, thread, thread))


_ADDRESS = """SELECT e.entry_uid FROM t_mailbox_email a JOIN t_directory_entry e USING (item_id)
  WHERE a.left_address = %s AND (a.right_address = %s OR a.all_aliases)"""
_REPLICA = """SELECT r.subtree_id, r.records_id FROM t_mailbox_replica r
  WHERE r.unique_id = %s"""


def find(directory: Any, mail: Any, address: str) -> Mailbox | None:
    """Return the mailbox of an address: the directory is in bj, the folders are in bj-data."""
    left, _, right = address.lower().partition("@")
    directory.execute(_ADDRESS, (left.partition("+")[0], right))
    entry = directory.fetchone()
    if entry is None:
        return None
    mail.execute(_REPLICA, (f"inbox.{entry[0]}",))
    folder = mail.fetchone()
    return Mailbox(entry[0], *folder) if folder else None
