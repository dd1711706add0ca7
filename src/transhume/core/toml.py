"""TOML text into a checked model; what is wrong is told by its key."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from transhume.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], text: str, what: str) -> Model:
    """The model that the text describes; SettingsError names every key that is wrong."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(
            f"{what} isn't TOML: {error}", state="Nothing was touched.", remedy="mend that line"
        ) from None
    return checked(model, values, what)


def checked(model: type[Model], values: Mapping[str, object], what: str) -> Model:
    """The model that these values describe; SettingsError names every key that is wrong."""
    try:
        # Through JSON, so that arrays become tuples although the models are strict.
        return model.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError(
            f"{what} can't be used: {wrong}",
            state="Nothing was touched.",
            remedy="every key is described in docs/settings.md",
        ) from None
