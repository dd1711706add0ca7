"""Acts to JSON and back; file bodies go to a folder of side files and leave their hash."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

from transhume.core.change import KINDS, Back, Carry, Change, Keep, Never
from transhume.core.writable import writable
from transhume.errors import JournalRefused

BACKS: dict[str, type] = {**KINDS, "Keep": Keep, "Never": Never, "Carry": Carry}


class Bodies:
    """The side files: one per content, named by its SHA-256, 0600 in a 0700 folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Keep the content durably and return its name; StepFailed where there is no room."""
        name = hashlib.sha256(content).hexdigest()
        if not (self.folder / name).exists():
            with writable("the journal"):
                self._write(name, content)
        return name

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(self.folder.parent)
        part = path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync(self.folder)

    def get(self, name: str) -> bytes:
        """The content of that name; JournalRefused when it is missing or isn't what it was."""
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise JournalRefused(
                f"the journal's side file {name[:12]} can't be read: {error}"
            ) from None
        if hashlib.sha256(content).hexdigest() != name:
            raise JournalRefused(f"the journal's side file {name[:12]} isn't what was written")
        return content


def _sync(folder: Path) -> None:
    """What was put in it stays after a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def encode(value: Any, bodies: Bodies) -> Any:
    """A frozen dataclass as JSON with its kind; bytes as a reference."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: encode(getattr(value, field.name), bodies)
            for field in dataclasses.fields(value)
        }
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [encode(item, bodies) for item in value]
    if isinstance(value, bytes):
        return {"body": bodies.put(value)} if value else ""
    return value


def decode(value: Any, bodies: Bodies) -> Any:
    """The way back from `encode`; JournalRefused for a kind that this version doesn't know."""
    if isinstance(value, list):
        return tuple(decode(item, bodies) for item in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"body"}:
        return bodies.get(value["body"])
    return _decode_kind(dict(value), bodies)


def _decode_kind(fields: dict[str, Any], bodies: Bodies) -> Any:
    name = fields.pop("kind", None)
    kind = BACKS.get(str(name))
    if kind is None:
        raise JournalRefused(f"the journal holds an act that this version doesn't know: {name}")
    try:
        return kind(
            **{key: _typed(kind, key, decode(item, bodies)) for key, item in fields.items()}
        )
    except TypeError:
        raise JournalRefused(f"the journal holds a damaged act of kind {name}") from None


def _typed(kind: type, field: str, value: Any) -> Any:
    # An empty body is written as "", so that no side file is needed for it.
    return b"" if value == "" and kind.__annotations__.get(field) == "bytes" else value


def encode_change(change: Change, bodies: Bodies) -> dict[str, Any]:
    """What the journal keeps of a change before it is made."""
    return {
        "title": change.title,
        "act": encode(change.act, bodies),
        "back": encode(change.back, bodies),
        "commands": [f"{command.place}# {command}" for command in change.act.commands()],
    }


def decode_back(data: dict[str, Any], bodies: Bodies) -> Back:
    """The way back that was written beside a change."""
    back: Back = decode(data["back"], bodies)
    return back
