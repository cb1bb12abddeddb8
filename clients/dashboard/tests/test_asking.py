from __future__ import annotations

from typing import Any

import pytest
from refinery_client import (
    ApplyTo,
    Branch,
    InvalidRequest,
    Lora,
    Outcome,
    PausePoint,
    Refiner,
)

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
        "seedImage": "ab",
        "strength": 0.5,
        "lora": [{"model": "oil"}, {"model": "ink", "weight": -0.5, "applyTo": "both"}],
        "pauseAt": 12,
        "previewEvery": 2,
        "previewSide": 256,
    }
    assert asking.job({"request": request}) == asking.Asked(
        "a fox",
        {
            "negative_prompt": "",
            "cfg_scale": 5.5,
            "seed": 9007199254740993,
            "steps": 30,
            "refiner": Refiner(model="r", start_step_percentage=80),
            "seed_image": "ab",
            "strength": 0.5,
            "loras": (Lora("oil"), Lora("ink", -0.5, ApplyTo.BOTH)),
            "pause_at": PausePoint.step(12),
            "preview_every": 2,
            "preview_side": 256,
        },
    )


def test_a_paused_job_goes_on_as_it_was_or_otherwise() -> None:
    assert asking.resumption({"job": "fox"}) == ("fox", {})
    body = {
        "job": "fox",
        "refiner": {"model": "r", "startStep": 9, "positivePrompt": "sharp", "CFGScale": 3},
        "pauseAt": "handoff",
    }
    assert asking.resumption(body) == (
        "fox",
        {
            "refiner": Refiner(model="r", start_step=9, positive_prompt="sharp", cfg_scale=3),
            "pause_at": PausePoint.HANDOFF,
        },
    )
    assert asking.resumption({"job": "fox", "withoutRefiner": True, "refiner": None}) == (
        "fox",
        {"without_refiner": True},
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "job"),
        ({"job": 7}, "job"),
        ({"job": "fox", "steps": 3}, "steps"),
        ({"job": "fox", "withoutRefiner": 1}, "withoutRefiner"),
        ({"job": "fox", "pauseAt": "noon"}, "pauseAt"),
        ({"job": "fox", "refiner": {"startStep": 1.5}}, "refiner.startStep"),
    ],
)
def test_what_no_paused_job_can_do_is_refused_with_its_field(body: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        asking.resumption(body)
    assert refusal.value.fields == (field,)


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
        ({"request": {"pauseAt": "noon"}}, "pauseAt"),
        ({"request": {"lora": {}}}, "lora"),
        ({"request": {"lora": ["oil"]}}, "lora[0]"),
        ({"request": {"lora": [{"model": "oil", "applyTo": "all"}]}}, "lora[0].applyTo"),
        ({"request": {"strength": "0.5"}}, "strength"),
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
