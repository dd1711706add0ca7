"""The part of JSON Schema that our published schemas use; any other keyword is an error."""

from __future__ import annotations

from typing import Any

_SAYS_NOTHING = {"$schema", "$defs", "title", "description", "default"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def wrong(value: Any, schema: dict[str, Any], whole: dict[str, Any] | None = None) -> list[str]:
    """Where the value isn't as the schema says; nothing when it is."""
    whole = whole or schema
    found: list[str] = []
    if "type" in schema and _type(value, schema["type"], whole):
        return _type(value, schema["type"], whole)
    for keyword, wanted in schema.items():
        if keyword not in _SAYS_NOTHING:
            found += _KEYWORDS[keyword](value, wanted, whole)
    return found


def _type(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    # To Python a truth value is a number as well.
    fits = isinstance(value, _TYPES[wanted]) and (wanted == "boolean") == isinstance(value, bool)
    return [] if fits else [f"{value!r} is no {wanted}"]


def _enum(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    return [] if value in wanted else [f"{value!r} is none of {wanted}"]


def _required(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    return [f"{name} is missing" for name in wanted if name not in value]


def _properties(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    known = ((name, schema) for name, schema in wanted.items() if name in value)
    return [
        f"{name}: {each}" for name, schema in known for each in wrong(value[name], schema, whole)
    ]


def _items(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    return [each for item in value for each in wrong(item, wanted, whole)]


def _others(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    """What an object has beside its known keys; ours have the one or the other."""
    return [f"{name}: {each}" for name in value for each in wrong(value[name], wanted, whole)]


def _any_of(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    tried = [wrong(value, schema, whole) for schema in wanted]
    return [] if [] in tried else tried[0]


def _ref(value: Any, wanted: Any, whole: dict[str, Any]) -> list[str]:
    return wrong(value, whole["$defs"][wanted.rpartition("/")[2]], whole)


_KEYWORDS = {
    "type": _type,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _others,
    "items": _items,
    "anyOf": _any_of,
    "$ref": _ref,
}
