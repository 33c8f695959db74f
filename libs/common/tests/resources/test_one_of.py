"""One-of choices become closed unions and are refused in the words of the manifest."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from microgateway_common.resources.base import Model
from microgateway_common.resources.one_of import OneOf, check_at_most_one, check_one
from microgateway_common.resources.schema import structural_schema


class Tea(Model):
    minutes: int = 3


class Coffee(Model):
    pass


class Cup(Model):
    drink: Annotated[Tea | Coffee, OneOf(tea=Tea, coffee=Coffee)] = Coffee()


def refusal(document: Any) -> tuple[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as raised:
        Cup.model_validate(document)
    (detail,) = raised.value.errors()
    return detail["loc"], detail["msg"]


def test_the_key_chooses_the_model() -> None:
    assert Cup.model_validate({"drink": {"tea": {"minutes": 5}}}).drink == Tea(minutes=5)
    assert Cup.model_validate({"drink": {"coffee": {}}}).drink == Coffee()
    assert Cup.model_validate({}).drink == Coffee()


def test_no_key_and_two_keys_are_refused() -> None:
    expected = "expected exactly one of tea, coffee, got"
    assert refusal({"drink": {}}) == (("drink",), f"{expected} none of them")
    assert refusal({"drink": {"coffee": {}, "tea": {}}}) == (("drink",), f"{expected} tea, coffee")


def test_unknown_keys_are_refused_where_they_stand() -> None:
    assert refusal({"drink": {"te": {}}})[0] == ("drink", "te")
    assert refusal({"drink": {"tea": {}, "milk": {}}})[0] == ("drink", "milk")


def test_errors_inside_a_choice_have_the_path_of_the_manifest() -> None:
    assert refusal({"drink": {"tea": {"minutes": "5"}}})[0] == ("drink", "tea", "minutes")
    assert refusal({"drink": {"tea": None}})[0] == ("drink", "tea")


@pytest.mark.parametrize("value", [None, [], "tea", 1])
def test_what_is_no_object_is_refused(value: object) -> None:
    assert refusal({"drink": value})[0] == ("drink",)


def test_a_choice_is_written_as_it_was_read() -> None:
    documents: list[dict[str, Any]] = [{"drink": {"tea": {"minutes": 5}}}, {"drink": {"tea": {}}}, {}]
    for document in documents:
        cup = Cup.model_validate(document)
        assert cup.model_dump(by_alias=True, exclude_unset=True) == document


def test_the_schema_has_one_property() -> None:
    drink = structural_schema(Cup)["properties"]["drink"]
    assert list(drink["properties"]) == ["coffee", "tea"]
    assert (drink["minProperties"], drink["maxProperties"]) == (1, 1)


def test_choices_that_share_their_object_are_counted() -> None:
    check_one(["a", "b"], ["a", "c"])
    check_at_most_one(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="expected exactly one of a, b, got none of them"):
        check_one(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="expected at most one of a, b, got a, b"):
        check_at_most_one(["a", "b"], ["b", "a"])
