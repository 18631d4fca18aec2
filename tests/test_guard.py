"""The guard of runs and profiles: what each kind takes, and how a refusal reads."""

from typing import Annotated, NotRequired

import pytest
from pydantic import with_config
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

from partreg.errors import PartregError
from partreg.guard import STRICT, Guarded, checked, number, objection, one_of, several, some_of, whole

Inner = with_config(STRICT)(TypedDict("Inner", {"low": int, "high": int, "more": NotRequired[str]}))


@dataclass(frozen=True)
class Thing(Guarded):
    inner: Inner
    count: Annotated[int, whole(1, 9)] = 1
    share: Annotated[float, number(0, 1)] = 0.5
    on: bool = True

    def __post_init__(self):
        if self.count == 9 and self.on:
            raise objection("count is 9; expected less where on is true.")


GOOD = {"low": 1, "high": 2}


def test_a_description_takes_what_it_is_given():
    made = Thing.of({"inner": GOOD, "count": 3.0, "share": 1}, "here")
    assert (made.inner, made.count, made.share, made.on) == (GOOD, 3, 1.0, True)
    assert (type(made.count), type(made.share)) == (int, float)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "here: inner must be given, too; add what is missing."),
        ({"inner": {}}, "here: inner: high, low must be given, too; add what is missing."),
        ({"inner": {**GOOD, "lo": 1}}, "here: inner: 'lo' is unknown; did you mean 'low'? expected one of high, low"),
        ({"inner": {**GOOD, 1: 1}}, "here: inner: 1 is unknown; expected one of high, low, more."),
        ({"inner": {"lo": 1}}, "here: inner: 'lo' is unknown; did you mean 'low'? expected one of high, low"),
        ({"inner": {**GOOD, "more": 5}}, "here: inner.more is 5; expected text: write it in quotes in YAML, or"),
        ({"inner": 5}, "here: inner is 5; expected fields with their values, as {name: value}."),
        ({"inner": GOOD, "xy": 1}, "here: 'xy' is unknown; expected one of count, inner, on, share."),
        ({"inner": GOOD, "count": 0}, "here: count is 0; expected a whole number from 1 to 9."),
        ({"inner": GOOD, "count": "3"}, "here: count is '3'; expected a whole number from 1 to 9."),
        ({"inner": GOOD, "count": True}, "here: count is True; expected a whole number from 1 to 9."),
        ({"inner": GOOD, "count": 2.5}, "here: count is 2.5; expected a whole number from 1 to 9."),
        ({"inner": GOOD, "count": None}, "here: count is None; expected a whole number from 1 to 9."),
        ({"inner": GOOD, "share": float("nan")}, "here: share is nan; expected a number from 0 to 1."),
        ({"inner": GOOD, "on": 1}, "here: on is 1; expected true or false."),
        ({"inner": GOOD, "count": 9}, "here: count is 9; expected less where on is true."),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence(values, sentence):
    with pytest.raises(PartregError) as caught:
        Thing.of(values, "here")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (Annotated[str, one_of(("a", "b"))], "b", "b"),
        (Annotated[int, one_of((1, 2))], 2.0, 2),
        (Annotated[tuple[str, ...], some_of(("a", "b"))], "b, a", ("a", "b")),
        (Annotated[tuple[str, ...], some_of(("a", "b"))], [], ()),
        (several(Annotated[int, whole()]), (2, 1), [2, 1]),
        (several(Annotated[int, whole()], 0), [], []),
    ],
)
def test_kinds_take(kind, value, found):
    assert checked(kind, value, "it") == found


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (Annotated[str, one_of(("a", "b"))], "c", "it is 'c'; expected one of a, b."),
        (Annotated[int, one_of((1, 2))], True, "it is True; expected one of 1, 2."),
        (Annotated[tuple[str, ...], some_of(("a", "b"))], "a;b", "it is 'a;b'; expected names out of a, b."),
        (Annotated[tuple[str, ...], some_of(("a", "b"))], 5, "it is 5; expected names out of a, b."),
        (several(Annotated[int, whole()]), [], "it is []; expected a list of at least 1."),
        (several(Annotated[int, whole()]), [1, -1], "it[1] is -1; expected a whole number of at least 0."),
        (several(Annotated[int, whole()]), [1, 1.0], "it is [1, 1.0]; expected each value once."),
        (several(Annotated[int, whole()]), "1", "it is '1'; expected a list of values, as [1, 2]."),
    ],
)
def test_kinds_refuse(kind, value, sentence):
    with pytest.raises(PartregError) as caught:
        checked(kind, value, "it")
    assert str(caught.value) == sentence
