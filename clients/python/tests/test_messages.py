"""What callers give, as it goes onto the wire; and addresses."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

from refinery_client import (
    Accepted,
    ApplyTo,
    Branch,
    BranchPlan,
    Embedding,
    Ended,
    Event,
    HandedOff,
    Handoff,
    HandoffHistory,
    Image,
    InvalidRequest,
    Job,
    JobState,
    Lora,
    Model,
    ModelRole,
    Outcome,
    PausePoint,
    Phase,
    Point,
    Progress,
    Queued,
    Refiner,
    Resumed,
    ResumeOptions,
    ServerInfo,
    ServerStats,
    Size,
    Summary,
    Ticket,
)
from refinery_client._address import TCPAddress, UnixAddress, parse_address
from refinery_client._job_messages import resume_request
from refinery_client._messages import generate_request
from refinery_client._proto import refinery_pb2
from refinery_client._proto.refinery_pb2 import GenerateRequest, ResumeJobRequest
from refinery_client.parameters import GenerateOptions


def sent(options: GenerateOptions) -> GenerateRequest:
    return GenerateRequest.FromString(generate_request("a red fox", options))


def test_every_option_arrives_in_its_field() -> None:
    request = sent(
        {
            "negative_prompt": "blurry",
            "positive_prompt_2": "oil",
            "negative_prompt_2": "photo",
            "model": "base",
            "width": 64,
            "height": 72,
            "steps": 20,
            "scheduler": "Euler",
            "seed": 2**63 - 1,
            "cfg_scale": 5.5,
            "number_results": 2,
            "refiner": Refiner(
                model="refiner",
                start_step=18,
                cfg_scale=4,
                positive_prompt="crisp",
                negative_prompt="",
                aesthetic_score=7,
                negative_aesthetic_score=2,
            ),
            "original_size": Size(height=1, width=2),
            "crop_top_left": Point(top=3, left=4),
            "target_size": Size(height=5, width=6),
            "negative_original_size": Size(height=7, width=8),
            "negative_crop_top_left": Point(top=9, left=10),
            "negative_target_size": Size(height=11, width=12),
            "clip_skip": 1,
            "prompt_weighting": "compel",
            "guidance_rescale": 0.5,
            "eta": 0.0,
            "handoff_history": HandoffHistory.RESET,
            "vae": "fp16-fix",
            "loras": [
                Lora(model="style", weight=0.0, apply_to=ApplyTo.BOTH),
                Lora("other"),
            ],
            "embeddings": (Embedding(model="word", weight=-1),),
            "seed_image": "a1" * 32,
            "mask_image": "b2" * 32,
            "strength": 0.5,
            "request_id": "mine",
            "priority": -2,
            "deadline_ms": 60_000,
            "detach": False,
            "preview_every": 5,
            "preview_side": 64,
            "branches": [Branch(), Branch(Refiner(start_step=12, cfg_scale=0))],
            "pause_at": PausePoint.step(12),
        }
    )
    unset = {field.name for field in request.DESCRIPTOR.fields} - {
        field.name for field, _ in request.ListFields()
    }
    assert unset == set()
    assert request.positive_prompt == "a red fox"
    assert (request.seed, request.cfg_scale) == (2**63 - 1, 5.5)
    assert (request.crop_top_left.top, request.crop_top_left.left) == (3, 4)
    assert request.refiner.start_step == 18
    assert request.refiner.HasField("negative_prompt")  # empty, but said
    assert not request.refiner.HasField("start_step_percentage")
    style, other = request.loras
    assert (style.model, style.HasField("weight"), style.apply_to) == ("style", True, 2)
    assert (other.model, other.weight, other.apply_to) == ("other", 1, 0)
    assert request.embeddings[0].weight == -1
    alone, refined = request.branches
    assert not alone.HasField("refiner")
    assert (refined.refiner.start_step, refined.refiner.HasField("cfg_scale")) == (12, True)
    assert not refined.refiner.HasField("start_sigma")
    assert (request.pause_at.WhichOneof("point"), request.pause_at.step) == ("step", 12)
    assert (request.preview_every, request.preview_side) == (5, 64)


def test_every_option_of_resume_arrives_in_its_field() -> None:
    options: ResumeOptions = {
        "request_id": "mine",
        "refiner": Refiner(start_step=14),
        "without_refiner": True,
        "pause_at": PausePoint.HANDOFF,
        "priority": 0,
        "deadline_ms": 60_000,
    }
    request = ResumeJobRequest.FromString(resume_request("paused", options))
    assert {field.name for field, _ in request.ListFields()} == {
        field.name for field in request.DESCRIPTOR.fields
    }
    assert (request.job_id, request.refiner.start_step) == ("paused", 14)
    assert (request.pause_at.WhichOneof("point"), request.pause_at.handoff) == ("handoff", True)


def test_an_option_that_resume_does_not_have_is_the_caller_s_bug() -> None:
    with pytest.raises(TypeError, match=r"resume\(\) has no option 'steps'; it has request_id, "):
        resume_request("paused", {"steps": 20})  # type: ignore[typeddict-unknown-key]


def test_the_options_are_the_schema_s_fields() -> None:
    fields = {field.name for field in GenerateRequest.DESCRIPTOR.fields}
    assert set(GenerateOptions.__annotations__) == fields - {"positive_prompt"}
    resume = {field.name for field in ResumeJobRequest.DESCRIPTOR.fields}
    assert set(ResumeOptions.__annotations__) == resume - {"job_id"}
    for kind, name in (
        (Refiner, "refiner"),
        (Lora, "loras"),
        (Embedding, "embeddings"),
        (Branch, "branches"),
    ):
        schema = GenerateRequest.DESCRIPTOR.fields_by_name[name].message_type
        assert set(kind.__dataclass_fields__) == {field.name for field in schema.fields}


@pytest.mark.parametrize(
    ("ours", "schema", "affix"),
    [
        (ApplyTo, refinery_pb2.Lora.ApplyTo, ""),
        (JobState, refinery_pb2.Job.State, "STATE_"),
        (Outcome, refinery_pb2.CancelJobRequest.Outcome, ""),
        (Phase, refinery_pb2.Phase, "PHASE_"),
        (HandoffHistory, refinery_pb2.HandoffHistory, ""),
        (ModelRole, refinery_pb2.Model.Role, "_MODEL"),
    ],
)
def test_the_enums_are_the_schema_s(ours: type[IntEnum], schema: Any, affix: str) -> None:
    assert {member.name: member.value for member in ours} == {
        name.replace(affix, ""): value for name, value in schema.items()
    }


@pytest.mark.parametrize(
    ("ours", "schema"),
    [
        (Model, refinery_pb2.Model),
        (Job, refinery_pb2.Job),
        (Accepted, refinery_pb2.Accepted),
        (BranchPlan, refinery_pb2.BranchPlan),
        (Handoff, refinery_pb2.Handoff),
        (Ticket, refinery_pb2.Ticket),
        (Queued, refinery_pb2.Queued),
        (Progress, refinery_pb2.Progress),
        (HandedOff, refinery_pb2.HandedOff),
        (Resumed, refinery_pb2.Resumed),
        (Ended, refinery_pb2.Ended),
        (Image, refinery_pb2.Image),
        (Summary, refinery_pb2.Summary),
        (ServerInfo, refinery_pb2.ServerInfo),
        (ServerStats, refinery_pb2.ServerStats),
    ],
)
def test_what_the_server_says_is_all_there(ours: type[Any], schema: Any) -> None:
    shared = set(Event.__dataclass_fields__) if issubclass(ours, Event) else set()
    assert set(ours.__dataclass_fields__) - shared == {
        field.name for field in schema.DESCRIPTOR.fields
    }


def test_two_start_fields_are_both_sent_for_the_server_to_refuse() -> None:
    refiner = sent({"refiner": Refiner(start_step=3, start_step_percentage=50)}).refiner
    assert (refiner.start_step, refiner.start_step_percentage) == (3, 50)


def test_an_empty_refiner_and_a_zero_point_are_sent() -> None:
    request = sent({"refiner": Refiner(), "crop_top_left": Point(0, 0)})
    assert request.HasField("refiner")
    assert request.HasField("crop_top_left")


@pytest.mark.parametrize(
    ("options", "field", "code"),
    [
        ({"width": -1}, "width", "invalidWidth"),
        ({"steps": 2**32}, "steps", "invalidSteps"),
        ({"seed": 2**63}, "seed", "invalidSeed"),
        ({"refiner": Refiner(start_step=-2)}, "refiner.startStep", "invalidRefinerStartStep"),
        ({"original_size": Size(-1, 1)}, "originalSize.height", "invalidOriginalSizeHeight"),
        ({"negative_prompt_2": "\ud800"}, "negativePrompt2", "invalidNegativePrompt2"),
        ({"loras": [Lora("\ud800")]}, "lora[0].model", "invalidLoraModel"),
        ({"pause_at": PausePoint.step(-1)}, "pauseAt", "invalidPauseAt"),
        (
            {"branches": [Branch(), Branch(Refiner(start_step=-2))]},
            "branches[1].refiner.startStep",
            "invalidRefinerStartStep",
        ),
    ],
)
def test_what_the_wire_cannot_carry_names_its_field(
    options: GenerateOptions, field: str, code: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(options)
    assert caught.value.fields == (field,)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "options",
    [
        {"stesp": 20},
        {"steps": "20"},
        {"model": 7},
        {"refiner": {"model": "refiner"}},
        {"refiner": Size(1, 1)},
        {"model": Size(1, 1)},
        {"crop_top_left": Size(1, 1)},
        {"loras": Lora("style")},
        {"loras": [Embedding("word")]},
        {"embeddings": ["word"]},
        {"refiner": Refiner},
        {"branches": Branch()},
        {"branches": [Refiner()]},
        {"branches": [Branch({"start_step": 3})]},
        {"branches": [Branch(PausePoint.HANDOFF)]},
        {"pause_at": 12},
        {"pause_at": "handoff"},
        {"pause_at": PausePoint.step("12")},
        {"pause_at": Refiner()},
    ],
)
def test_a_wrong_name_or_type_is_the_caller_s_bug(options: GenerateOptions) -> None:
    (name,) = options
    with pytest.raises(TypeError, match=name):
        sent(options)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7420", TCPAddress("127.0.0.1", 7420)),
        ("localhost:65535", TCPAddress("localhost", 65535)),
        ("[::1]:7420", TCPAddress("::1", 7420)),
        ("unix:/run/refinery.sock", UnixAddress("/run/refinery.sock")),
        ("unix:here.sock", UnixAddress("here.sock")),
    ],
)
def test_an_address_reads_and_prints_the_same(text: str, address: TCPAddress | UnixAddress) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    ["", "localhost", ":7420", "::1:7420", "[::1]", "host:", "host:0", "host:65536", "host:-1",
     "host:\u0661", "host:0655351", "[]:1", "unix:", "unix:a\0b"],
)  # fmt: skip
def test_a_bad_address_is_refused_with_the_forms_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT.*unix:PATH"):
        parse_address(text)
