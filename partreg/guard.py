"""One guard for what a reader describes, a network or a profile: nothing is bent, and a refusal is one sentence.

pydantic walks through the fields, and the kinds below say what a field takes: 3.0 is a whole number, "3" and True are
none. `Guarded` is the base of a description, `checked` looks at any other value.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from typing import Annotated, Any, Self, get_type_hints

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from partreg.errors import PartregError

STRICT = ConfigDict(strict=True, extra="forbid")
MOST = sys.float_info.max
EXPECTED = {  # by pydantic's own names of faults; papermill's -p makes 7 of "007"
    "string_type": "text",
    "number, not text": "text: write it in quotes in YAML, or give it to papermill by -r in place of -p",
    "bool_type": "true or false",
    "list_type": "a list of values, as [1, 2]",
    "too_short": "a list of at least {min_length}",
    "dict_type": "fields with their values, as {{name: value}}",
}
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument", "invalid_key")


@dataclass(frozen=True, config=STRICT)
class Guarded:
    """A frozen description whose fields are checked; whatever is refused raises a `PartregError`."""

    ADVICE = "add what is missing"

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_sentence(cls, values: Any, handler: Any) -> Any:
        try:
            return handler(values)
        except ValidationError as error:
            raise refused(error, cls, cls.__name__.lower()) from error

    @classmethod
    def of(cls, values: dict[str, Any], source: str) -> Self:
        """The description with these fields; those left out take their defaults, and refusals name the ``source``."""
        if not isinstance(values, dict):
            raise PartregError(f'{source}: expected a JSON object as {{"name": "value"}}; found {str(values)[:40]!r}.')
        try:
            return cls(**values)
        except PartregError as error:
            raise PartregError(str(error).replace(cls.__name__.lower(), source, 1)) from error


def checked(kind: Any, value: Any, name: str, source: str = "") -> Any:
    """``value`` as a type of Python with the kinds below takes it; a refusal names ``source`` and then ``name``."""
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise refused(error, kind, source, name) from error


def expected(words: str) -> PydanticCustomError:
    """What a kind raises where a value is not what was expected: "<field> is <value>; expected <words>."."""
    return PydanticCustomError("expected", "{words}", {"words": words})


def objection(words: str) -> PydanticCustomError:
    """What a kind raises where there is more to say: "<field>: <words>"."""
    return PydanticCustomError("objection", "{words}", {"words": words})


def refused(error: ValidationError, kind: Any, source: str, name: str = "") -> PartregError:
    """The sentence about the first fault that pydantic found in a value of this kind; an unknown name goes first."""
    first, *_ = found = sorted(error.errors(include_url=False), key=lambda one: one["type"] not in UNKNOWN)
    fault, value, (*above, last) = first["type"], first["input"], first["loc"] or ("",)
    if fault in UNKNOWN:
        for step in above:
            kind = get_type_hints(kind)[str(step)]
        return unknown(_where(source, name, above), last, get_type_hints(kind))
    if fault.startswith("missing"):
        absent = sorted(str(one["loc"][-1]) for one in found if [fault, *above] == [one["type"], *one["loc"][:-1]])
        advice = getattr(kind, "ADVICE", Guarded.ADVICE)
        return PartregError(f"{_where(source, name, above)}: {', '.join(absent)} must be given, too; {advice}.")
    where = _where(source, name, first["loc"])
    if fault == "objection":
        return PartregError(f"{where}: {first['msg']}")
    if fault == "string_type" and isinstance(value, bool | int | float):
        fault = "number, not text"
    words = EXPECTED[fault].format(**first.get("ctx", {})) if fault in EXPECTED else first["msg"]
    return PartregError(f"{where} is {value!r:.80}; expected {words}.")


def _where(source: str, name: str, place: Iterable[int | str]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place if step != "[key]")
    return ": ".join(filter(None, [source, f"{name}{''.join(steps)}".lstrip(".")]))


def unknown(where: str, name: Any, names: Iterable[str]) -> PartregError:
    """The sentence about a name that nothing reads, with the nearest one that there is."""
    near = difflib.get_close_matches(str(name), names := sorted(names), 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return PartregError(f"{where}{': ' * bool(where)}{name!r} is unknown; {hint}expected one of {', '.join(names)}.")


def known(where: str, names: Iterable[Any], all_names: Iterable[str]) -> None:
    """Refuse names that are not among ``all_names``, so that a typing error does not go unheard."""
    for name in names:
        if name not in (all_names := list(all_names)):
            raise unknown(where, name, all_names)


def number(low: float = 0, high: float = MOST, kind: type = float) -> BeforeValidator:
    """A number in a closed interval, whole or not."""
    span = f"of at least {low}" if high == MOST else f"from {low} to {high}"

    def check(value: Any) -> Any:
        value = int(value) if kind is int and isinstance(value, float) and value.is_integer() else value
        if type(value) not in (int, kind) or not low <= value <= high:
            raise expected(f"a {'whole ' * (kind is int)}number {span}")
        return value

    return BeforeValidator(check)


def whole(low: int = 0, high: float = MOST) -> BeforeValidator:
    """A whole number in a closed interval."""
    return number(low, high, int)


def one_of(allowed: tuple[Any, ...]) -> BeforeValidator:
    """One of a few values."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or value not in allowed:
            raise expected(f"one of {', '.join(map(str, allowed))}")
        return allowed[allowed.index(value)]

    return BeforeValidator(check)


def words_in(value: Any) -> Any:
    """The words of a text with commas between them; any other value as it is."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def some_of(allowed: tuple[str, ...]) -> BeforeValidator:
    """Any of a few names, also as text with commas between; they come out in one order, for theirs means nothing."""

    def check(value: Any) -> tuple[str, ...]:
        words = words_in(value)
        if not isinstance(words, list | tuple) or not all(word in allowed for word in words):
            raise expected(f"names out of {', '.join(allowed)}")
        return tuple(word for word in allowed if word in words)

    return BeforeValidator(check)


def several(kind: Any, least: int = 1) -> Any:
    """A list of at least so many different values of one kind."""

    def once(values: list[Any]) -> list[Any]:
        if len(set(values)) < len(values):
            raise expected("each value once")
        return values

    as_list = BeforeValidator(lambda value: list(value) if isinstance(value, tuple) else value)
    return Annotated[list[kind], Field(min_length=least), as_list, AfterValidator(once)]
