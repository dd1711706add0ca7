"""Tables and schemas that are read off the code: settings, exit codes, steps, procedure."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from markdown import cell, code, sentence, table
from pydantic import BaseModel, TypeAdapter

from transhume import errors
from transhume.core import toml
from transhume.core.check import Check
from transhume.core.plan import Plan
from transhume.core.settings import AddressSettings, Settings, SourceSettings
from transhume.core.step import PHASES, Step
from transhume.profiles.bluemind import back as profile_back
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import Layout, load
from transhume.steps.requirements.step import Requirements
from transhume.ui.checking import Checked
from transhume.ui.cli import app
from transhume.ui.machine import KEYS

DOCS = Path(__file__).parent
SOURCE = SourceSettings(ssh="root@mail.example.org", host_key="ssh-ed25519 AAAA")
TAKE = AddressSettings(
    how="take",
    service=("192.0.2.10/24",),
    source_device="eth0",
    target_device="eth0",
    maintenance=("192.0.2.11/24",),
)
_OWN = "192.0.2.20"
ADDRESSES = {
    'how = "take"': TAKE,
    'how = "script"': AddressSettings(how="script", script="/usr/local/sbin/move-address"),
    'how = "manual"': AddressSettings(how="manual"),
    'how = "none"': AddressSettings(how="none", becomes=_OWN),
    'how = "manual" and becomes': AddressSettings(how="manual", becomes=_OWN),
}
"""An example of each way to lead people to the target; it decides on some of the steps."""
FIRST = next(iter(ADDRESSES))


class Row(BaseModel):
    """One row of the documented procedure, in our words."""

    number: int
    part: str
    asks: str


class Procedure(BaseModel):
    """All its rows."""

    row: list[Row]


def plan(how: str = FIRST) -> Plan:
    """The plan for settings with that way."""
    return profile.plan(load("bluemind-5"), Settings(source=SOURCE, address=ADDRESSES[how]))


def plan_back(how: str) -> Plan:
    """The plan for going back after the opening, where there is one."""
    settings = Settings(source=SOURCE, address=ADDRESSES[how])
    return profile_back.plan(load("bluemind-5"), settings, lambda keys: ())


def all_steps() -> dict[tuple[str, str], tuple[Step, list[str]]]:
    """Every step of any plan by key and title, with the ways in whose plans it stands."""
    found: dict[tuple[str, str], tuple[Step, list[str]]] = {}
    for how in ADDRESSES:
        for step in (*plan(how).steps, *plan_back(how).steps):
            found.setdefault((step.key, step.title), (step, []))[1].append(how)
    return dict(sorted(found.items(), key=lambda item: PHASES.index(item[1][0].phase)))


# --- settings and layout


def _schema(model: type[BaseModel], name: str, title: str) -> str:
    known = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    schema = {**known, **{k: v for k, v in model.model_json_schema().items() if k != "title"}}
    schema["description"] = name
    return json.dumps(schema, indent=2) + "\n"


def settings_schema() -> str:
    """The settings file for editors."""
    return _schema(Settings, "The settings of one move.", "transhume settings")


def layout_schema() -> str:
    """A layout file for editors."""
    return _schema(Layout, "Where one version of a server keeps what.", "transhume layout")


def findings_schema() -> str:
    """What `transhume check --json` prints, for programs."""
    known = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema = TypeAdapter(Checked).json_schema(mode="serialization")
    return json.dumps({**known, **schema, "title": "transhume findings"}, indent=2) + "\n"


def settings() -> str:
    """One table of keys for each table of the settings file."""
    return "\n\n".join(_model_tables(Settings))


def layout() -> str:
    """One table of keys for each table of a layout."""
    return "\n\n".join(_model_tables(Layout))


def _model_tables(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    parts = {"": schema}
    for key, field in schema["properties"].items():
        name, part = _part(schema, key, field)
        if part:
            parts[name] = part
    for name, part in parts.items():
        plain = {k: f for k, f in part["properties"].items() if name or not _part(schema, k, f)[1]}
        heading = f"### `{name}`" if name else "### At the top of the file"
        told = f"\n\n{part['description']}" if name else ""
        rows = [_row(key, field, part) for key, field in plain.items()]
        yield f"{heading}{told}\n\n{table(('key', 'type', 'default', 'meaning'), rows)}"


def _part(schema: dict[str, Any], key: str, field: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and schema of the table that a field stands for; empty when it is a value."""
    inner = field.get("items", {}) if field.get("type") == "array" else field
    reference = inner.get("$ref", "").rpartition("/")[2]
    name = f"[[{key}]]" if inner is not field else f"[{key}]"
    return name, schema["$defs"].get(reference, {}) if reference else {}


def _row(key: str, field: dict[str, Any], part: dict[str, Any]) -> tuple[str, ...]:
    required = key in part.get("required", ())
    default = "required" if required else code(_toml(field.get("default")))
    return code(key), _type(field), default, cell(field.get("description", ""))


def _toml(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _type(field: dict[str, Any]) -> str:
    if "const" in field or "enum" in field:
        values = field.get("enum", [field.get("const")])
        return " or ".join(code(json.dumps(value)) for value in values)
    if "anyOf" in field:
        return _type(field["anyOf"][0])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}s"
    limits = (("from", field.get("minimum")), ("to", field.get("maximum")))
    said = [f"{word} {value}" for word, value in limits if value is not None]
    return " ".join([field.get("type", "string"), *said])


# --- exit codes


def error_classes() -> list[type[errors.TranshumeError]]:
    """Every kind of error, by exit code."""
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    ours = [kind for kind in kinds if issubclass(kind, errors.TranshumeError)]
    return sorted(ours, key=lambda kind: kind.exit_code)


def exit_codes() -> str:
    """Exit codes with what they mean."""
    rows = [(code("0"), "", "done; for reading commands: nothing forbids the move")]
    rows += [
        (f"[`{kind.exit_code}`](#exit-{kind.exit_code})", code(kind.__name__), cell(kind.meaning))
        for kind in error_classes()
    ]
    rows.insert(2, (code(str(errors.USAGE)), "", "the command line can't be understood"))
    return table(("exit code", "in the code", "meaning"), rows)


# --- checks, steps, procedure


def checks() -> str:
    """The checks of the first step, and the steps that check for themselves."""
    first = next(step for step in plan().steps if isinstance(step, Requirements))
    rows = [
        (code(check.key), cell(sentence(check.title)), _READS[check.reads_data], cell(_why(check)))
        for check in first.checks
    ]
    for step, _ in all_steps().values():
        if type(step).check is not Step.check and step is not first and step.key != first.key:
            own = "The step's own requirements."
            rows.append((code(step.key), own, _READS[False], cell(step.why)))
    return table(("check", "looks at", "reads", "why"), rows)


_READS = {True: "the data", False: ""}


def _why(check: Check) -> str:
    """What a check's function says of itself; a function in a function is told by the outer one."""
    outer = check.look.__qualname__.split(".")[0]
    return inspect.getdoc(getattr(inspect.getmodule(check.look), outer)) or ""


def procedure() -> str:
    """The rows of the documented procedure with the steps that answer them."""
    asked = toml.read(Procedure, (DOCS / "procedure.toml").read_text(), "docs/procedure.toml")
    answered = [_procedure_row(row) for row in asked.row]
    return table(("row", "part", "what the procedure asks", "step", "phase", "why so"), answered)


def _procedure_row(row: Row) -> tuple[str, ...]:
    steps = [step for step in plan().steps if row.number in step.rows]
    if not steps:
        raise LookupError(f"no step answers row {row.number}")
    names = "<br>".join(f"[`{step.key}`](steps.md#{anchor(step)}) {step.title}" for step in steps)
    phases = "<br>".join(step.phase for step in steps)
    why = cell(" ".join(step.why for step in steps))
    return str(row.number), row.part, cell(row.asks), names, phases, why


def anchor(step: Step) -> str:
    """Where a step stands in the page of the steps, as the renderers of Markdown name it."""
    return re.sub(r"[^\w\- ]", "", f"{step.key} {step.title}".lower()).replace(" ", "-")


def steps() -> str:
    """Every step with what it touches, and the changes and ways back of a recorded plan."""
    recorded = {
        (step["key"], step["title"]): step["changes"]
        for step in json.loads((DOCS / "run" / "plan.json").read_text())["steps"]
    }
    sections = []
    for identity, (step, hows) in all_steps().items():
        sections.append(_step(step, hows, recorded.get(identity, [])))
    return "\n\n".join(sections)


def _step(step: Step, hows: list[str], changes: list[dict[str, Any]]) -> str:
    rows = ", ".join(str(row) for row in step.rows) or "none: the procedure doesn't ask for it"
    touches = " and ".join(sorted(step.touches)) or "nothing: it only reads"
    where = f"`{type(step).__module__.replace('.', '/')}.py`, class `{type(step).__name__}`"
    facts = [f"- Phase {step.phase}; rows {rows}.", f"- May alter: {touches}.", f"- In {where}."]
    if len(hows) < len(ADDRESSES):
        facts.append(f"- Only with {', '.join(code(how) for how in hows)} in `[address]`.")
    if step.repeats:
        facts.append("- Made again at each `sync` and `cutover` until the freeze.")
    if step.service:
        facts.append("- People are shut out from here on." if step.service == "down" else _UP)
    head = f"### {step.key}: {step.title}\n\n{step.why} {inspect.getdoc(type(step))}"
    listed = _changes(changes)
    return "\n\n".join([head, "\n".join(facts), *([listed] if listed else [])])


_UP = "- People are served again after it."


def _changes(changes: list[dict[str, Any]]) -> str:
    # A step may make one pass twice; what only has the same title stays.
    once = [change for at, change in enumerate(changes) if change not in changes[:at]]
    rows = [(cell(change["title"]), _back(change["back"])) for change in once]
    return table(("change", "way back"), rows) if rows else ""


def _back(back: dict[str, Any]) -> str:
    if back["kind"] != "change":
        word = "none" if back["kind"] == "never" else "kept"
        return f"{word}: {cell(back['reason'])}"
    commands = [f"`{_short(item['command'])}`" for item in back["commands"][:2]]
    more = len(back["commands"]) - len(commands)
    return "<br>".join(commands) + (f"<br>and {more} more" if more > 0 else "") or "another address"


def _short(command: str) -> str:
    line = " ".join(command.split()).replace("|", "\\|").replace("`", "'")
    return line if len(line) <= 70 else f"{line[:69]}…"


# --- commands and status


def command_names() -> list[str]:
    """The commands of the tool, in the order of its help."""
    return list(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def status_keys() -> str:
    """The keys of `status --json`."""
    return table(("key", "meaning"), [(code(key), cell(text)) for key, text in KEYS.items()])
