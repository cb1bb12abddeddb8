from __future__ import annotations

from typing import Any

import pytest
from refinery_client import Branch, InvalidRequest, Outcome, Refiner

from refinery_dashboard import asking


def test_a_request_becomes_the_clients_arguments() -> None:
    request = {
        "positivePrompt": "a fox",
        "negativePrompt": "",
        "CFGScale": 5.5,
        "seed": "9007199254740993",
        "steps": 30,
        "model": None,
        "refiner": {"model": "r", "startStepPercentage": 80},
    }
    assert asking.job({"request": request}) == asking.Asked(
        "a fox",
        {
            "negative_prompt": "",
            "cfg_scale": 5.5,
            "seed": 9007199254740993,
            "steps": 30,
            "refiner": Refiner(model="r", start_step_percentage=80),
        },
    )


def test_endings_are_branches_of_one_job() -> None:
    request = {"positivePrompt": "a fox", "refiner": {"model": "r"}}
    endings = [{"startStepPercentage": 80}, {"startStep": 4}, None]
    assert asking.job({"request": request, "endings": endings}) == asking.Asked(
        "a fox",
        {
            "refiner": Refiner(model="r"),
            "branches": (
                Branch(Refiner(start_step_percentage=80)),
                Branch(Refiner(start_step=4)),
                Branch(),
            ),
        },
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, None),
        ([], None),
        ({}, "request"),
        ({"request": "x"}, "request"),
        ({"request": {"steps": "many"}}, "steps"),
        ({"request": {"steps": True}}, "steps"),
        ({"request": {"steps": 1.5}}, "steps"),
        ({"request": {"seed": "1" * 20}}, "seed"),
        ({"request": {"CFGScale": "7"}}, "CFGScale"),
        ({"request": {"positivePrompt": 7}}, "positivePrompt"),
        ({"request": {"detach": False}}, "detach"),
        ({"request": {"refiner": []}}, "refiner"),
        ({"request": {"refiner": {"model": 1}}}, "refiner.model"),
        ({"request": {"refiner": {"x": 1}}}, "refiner.x"),
        ({"request": {}, "endings": [None]}, "endings"),
        ({"request": {}, "endings": {}}, "endings"),
        ({"request": {}, "endings": [None, 80]}, "endings"),
        ({"request": {}, "endings": [None, {"startStep": "x"}]}, "refiner.startStep"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(body: Any, field: str | None) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        asking.job(body)
    assert refusal.value.fields == (() if field is None else (field,))


def test_outcomes_are_words() -> None:
    names = ("discard", "decodeNow", "skipToRefiner")
    assert [asking.outcome(name) for name in names] == list(Outcome)
    for name in (None, 0, "DISCARD", []):
        with pytest.raises(InvalidRequest, match="decodeNow"):
            asking.outcome(name)
