from __future__ import annotations

from typing import Any

import pytest
from refinery_client import InvalidRequest, Outcome, Refiner

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
    assert asking.jobs({"request": request}) == [
        asking.Asked(
            "a fox",
            {
                "negative_prompt": "",
                "cfg_scale": 5.5,
                "seed": 9007199254740993,
                "steps": 30,
                "refiner": Refiner(model="r", start_step_percentage=80),
            },
        )
    ]


def test_endings_share_a_seed_and_a_name() -> None:
    request = {"positivePrompt": "a fox", "refiner": {"model": "r"}}
    endings = [{"startStepPercentage": 80}, {"startStep": 4}, None]
    jobs = asking.jobs({"request": request, "endings": endings})
    assert [job.options.get("refiner") for job in jobs] == [
        Refiner(model="r", start_step_percentage=80),
        Refiner(model="r", start_step=4),
        None,
    ]
    assert len({job.options["seed"] for job in jobs}) == 1
    ids = [job.options["request_id"] or "" for job in jobs]
    assert len({name.rpartition("-")[0] for name in ids}) == 1
    assert [name.rpartition("-")[2] for name in ids] == ["00", "01", "02"]
    given = asking.jobs({"request": {**request, "seed": 7}, "endings": endings})
    assert [job.options["seed"] for job in given] == [7, 7, 7]


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
        ({"request": {}, "endings": [None] * 17}, "endings"),
        ({"request": {}, "endings": [None, 80]}, "endings"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(body: Any, field: str | None) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        asking.jobs(body)
    assert refusal.value.fields == (() if field is None else (field,))


def test_outcomes_are_words() -> None:
    names = ("discard", "decodeNow", "skipToRefiner")
    assert [asking.outcome(name) for name in names] == list(Outcome)
    for name in (None, 0, "DISCARD", []):
        with pytest.raises(InvalidRequest, match="decodeNow"):
            asking.outcome(name)
