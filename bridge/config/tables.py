"""What a table of the schema is made of: keys that say how they are read, what they mean, and if they are built."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from bridge.config.problems import KeyPath, Problems, suggestion
from bridge.config.values import NOT_SUPPORTED, Read, Wrong


class Table(BaseModel):
    """A table of the configuration. Every key has a default, so that what is right in a table can be had
    although something else in it is wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


AnyTable = TypeVar("AnyTable", bound=Table)


@dataclass(frozen=True, slots=True)
class Reads:
    """How a value is read, and how the reference calls what may be written."""

    read: Read
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let this reader alone decide."""
        return core_schema.no_info_plain_validator_function(self.read)


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """The feature behind a key is not built yet: only the values that ask for what happens anyway are taken."""

    only: tuple[object, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the value as its kind wants it, then refuse it."""
        return core_schema.no_info_wrap_validator_function(self._refuse, handler(source))

    def _refuse(self, value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
        read = handler(value)
        # `False == 0` in Python, but not in a configuration.
        if any(type(value) is type(one) and value == one for one in self.only):
            return read
        raise Wrong(f"{NOT_SUPPORTED} (only {as_toml(self.only[0])} is)" if self.only else NOT_SUPPORTED)


def entry(default: Any, text: str, *, example: Any = None, sample: Any = None, shown: str = "") -> Any:
    """Describe a key.

    `example` is what the example file says. A key without one stands there as a comment, with `sample` or its
    default. `shown` tells a default that is not a constant, or not written as one (3600 is `"1h"`).
    """
    extra = {"example": example, "sample": sample, "shown": shown or None}
    return Field(default=default, description=text, json_schema_extra=extra)


def detail(field: FieldInfo, name: str) -> Any:
    """Give what `entry` was told as `example`, `sample` or `shown`, or None."""
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None


def as_toml(value: object) -> str:
    """Write a value as the file would. JSON's texts, numbers, booleans and lists are TOML's."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {as_toml(one)}' for key, one in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


def not_built(field: FieldInfo) -> NotBuilt | None:
    """Give the mark of a key whose feature is not built yet."""
    return next((mark for mark in field.metadata if isinstance(mark, NotBuilt)), None)


def read_table(model: type[AnyTable], raw: object, path: KeyPath, problems: Problems) -> AnyTable:
    """Read one table, noting every mistake in it. Keys with a mistake come out with their defaults."""
    if not isinstance(raw, dict):
        problems.add(path, "must be a table")
        return model()
    errors = _errors(model, raw)
    for error in errors:
        if problems.enough:
            break
        _note(model, error, path, problems)
    wrong = {str(error["loc"][0]) for error in errors}
    return model.model_validate({name: value for name, value in raw.items() if name not in wrong})


def _errors(model: type[Table], raw: dict[str, object]) -> list[ErrorDetails]:
    try:
        model.model_validate(raw)
    except ValidationError as failure:
        return failure.errors(include_url=False, include_input=False)
    return []


def _note(model: type[Table], error: ErrorDetails, path: KeyPath, problems: Problems) -> None:
    where = path + tuple(part + 1 if isinstance(part, int) else part for part in error["loc"])
    sentence = _sentence(model, error)
    field = model.model_fields.get(str(error["loc"][0]))
    if field and not_built(field) and not sentence.startswith(NOT_SUPPORTED):
        sentence = f"{sentence}; and it is {NOT_SUPPORTED}"
    problems.add(where, sentence)


def _sentence(model: type[Table], error: ErrorDetails) -> str:
    match error["type"]:
        case "value_error":
            return str(error["ctx"]["error"])
        case "extra_forbidden":
            return f"unknown key{suggestion(str(error['loc'][-1]), model.model_fields)}"
        case "list_type":
            return "must be a list, in brackets"
        case "too_short":
            return "must not be empty"
        case _:
            return "has a value of the wrong kind"
