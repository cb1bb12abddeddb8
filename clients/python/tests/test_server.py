"""Against the real server and its built-in models (REFINERY_BINARY names the executable)."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from refinery_client import (
    Accepted,
    AsyncClient,
    Client,
    DeadlineExceeded,
    Embedding,
    Event,
    FailedPrecondition,
    HandedOff,
    Health,
    Image,
    InvalidRequest,
    Lora,
    Model,
    ModelRole,
    NotFound,
    Phase,
    Progress,
    Refiner,
    RefineryError,
    ResourceExhausted,
    ServerStats,
    Size,
    Unimplemented,
)
from refinery_client._address import TCPAddress, parse_address
from refinery_client._calls import Call, CallState, Method, Result
from refinery_client._cli import main
from refinery_client._frames import Frame, encode_frame
from refinery_client._messages import GENERATE, PING, generate_request, ping_request
from refinery_client.parameters import GenerateOptions

pytestmark = pytest.mark.server

SMALL: GenerateOptions = {"width": 64, "height": 64, "steps": 4, "seed": 7}
# Long enough that a test can interfere with it, whatever the machine.
LONG: GenerateOptions = {
    "width": 256,
    "height": 256,
    "steps": 100,
    "seed": 7,
    "number_results": 20,
}
PATIENCE_SECONDS = 60
PROMPT = "a red fox"


@pytest.fixture
def client(server_address: str) -> Client:
    return Client(server_address)


@pytest.fixture(scope="session")
def base(server_address: str) -> str:
    return model_of(server_address, ModelRole.BASE).id


@pytest.fixture(scope="session")
def refiner(server_address: str) -> str:
    return model_of(server_address, ModelRole.REFINER).id


def model_of(address: str, role: ModelRole) -> Model:
    models = Client(address).models()
    found = next((model for model in models if model.role is role), None)
    assert found is not None, f"no {role.name} model among {models}"
    return found


def png_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Type and data of every chunk; the signature is checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, offset = [], 8
    while offset < len(png):
        byte_count, type_ = struct.unpack_from(">I4s", png, offset)
        chunks.append((type_, png[offset + 8 : offset + 8 + byte_count]))
        offset += 12 + byte_count
    assert offset == len(png)
    assert chunks[-1] == (b"IEND", b"")
    return chunks


def png_size(png: bytes) -> Size:
    type_, header = png_chunks(png)[0]
    assert type_ == b"IHDR"
    width, height = struct.unpack_from(">II", header)
    return Size(height=height, width=width)


def png_pixels(png: bytes) -> bytes:
    """The compressed pixels, without the text around them."""
    return b"".join(data for type_, data in png_chunks(png) if type_ == b"IDAT")


def check_order(events: list[Event], base_steps: int, refiner_steps: int) -> Image:
    """What holds for every job of one picture; returns the picture."""
    assert isinstance(events[0], Accepted), events[0]
    assert len({event.job_id for event in events}) == 1
    assert events[0].job_id != ""
    for earlier, later in itertools.pairwise(events):
        assert earlier.sequence < later.sequence
    accepted = events[0]
    steps = base_steps + refiner_steps
    assert (accepted.base_steps, accepted.refiner_steps) == (base_steps, refiner_steps)
    assert len(accepted.timesteps) == steps
    assert len(accepted.sigmas) == steps + 1
    assert accepted.sigmas[-1] == 0

    progress = [event for event in events if isinstance(event, Progress)]
    phases = [phase for phase, _ in itertools.groupby(event.phase for event in progress)]
    if refiner_steps:
        assert phases == [Phase.TEXT_ENCODING, Phase.BASE, Phase.REFINER, Phase.DECODING]
    else:
        assert phases == [Phase.TEXT_ENCODING, Phase.BASE, Phase.DECODING]
    for earlier, later in itertools.pairwise(progress):
        assert earlier.step <= later.step
        assert earlier.elapsed_seconds <= later.elapsed_seconds
    for event in progress:
        assert event.steps == steps
        assert event.phase_step <= event.phase_steps
        assert (event.image_index, event.image_count) == (0, 1)
        if event.phase is Phase.BASE:
            assert event.phase_steps == base_steps
            assert event.step == event.phase_step
        if event.phase is Phase.REFINER:
            assert event.phase_steps == refiner_steps
            assert event.step == base_steps + event.phase_step
        if event.phase in (Phase.BASE, Phase.REFINER) and event.step > 0:
            assert event.timestep == pytest.approx(accepted.timesteps[event.step - 1])
            assert event.sigma == pytest.approx(accepted.sigmas[event.step - 1])

    image = events[-1]
    assert isinstance(image, Image), image
    assert sum(isinstance(event, Image) for event in events) == 1
    assert image.summary is not None
    assert (image.summary.base_steps, image.summary.refiner_steps) == (base_steps, refiner_steps)
    assert image.summary.total_seconds > 0
    assert png_size(image.png) == Size(image.height, image.width) == accepted.size
    assert image.sha256 == hashlib.sha256(image.png).digest()
    assert (image.seed,) == accepted.seeds
    return image


def wait_for_stats(client: Client, holds: Callable[[ServerStats], bool], what: str) -> ServerStats:
    """The first stats of which it holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds(stats := client.server_stats()):
        assert time.monotonic() < end, f"{what} does not come about: {stats}"
        time.sleep(0.02)
    return stats


def wait_until_idle(client: Client) -> ServerStats:
    return wait_for_stats(client, lambda stats: stats.queued + stats.running == 0, "being idle")


def test_two_stages_make_one_picture_and_say_who_does_what(client: Client, refiner: str) -> None:
    events = list(client.generate(PROMPT, **SMALL, refiner=Refiner(model=refiner, start_step=3)))
    check_order(events, base_steps=2, refiner_steps=2)
    accepted = events[0]
    assert isinstance(accepted, Accepted)
    assert accepted.refiner_model == refiner
    handoff = accepted.handoff
    assert handoff is not None
    assert (handoff.step, handoff.percentage) == (3, 50)
    assert (handoff.timestep, handoff.sigma) == (accepted.timesteps[2], accepted.sigmas[2])

    positions = [index for index, event in enumerate(events) if isinstance(event, HandedOff)]
    assert len(positions) == 1
    handed_off = events[positions[0]]
    assert isinstance(handed_off, HandedOff)
    assert handed_off.handoff == handoff
    assert len(handed_off.latents_sha256) == 32
    for index, event in enumerate(events):
        if isinstance(event, Progress):
            assert (event.phase >= Phase.REFINER) == (index > positions[0])


def test_without_a_refiner_the_base_does_it_all(client: Client) -> None:
    events = list(client.generate(PROMPT, **SMALL))
    check_order(events, base_steps=4, refiner_steps=0)
    accepted = events[0]
    assert isinstance(accepted, Accepted)
    assert accepted.refiner_model is None
    assert accepted.handoff is None
    assert not any(isinstance(event, HandedOff) for event in events)


def test_the_refiner_changes_the_picture(client: Client, refiner: str) -> None:
    plain = client.generate_image(PROMPT, **SMALL)
    refined = client.generate_image(PROMPT, **SMALL, refiner=Refiner(model=refiner, start_step=3))
    assert png_pixels(plain.png) != png_pixels(refined.png)


def test_one_seed_gives_the_same_bytes_and_another_gives_others(
    client: Client, refiner: str
) -> None:
    second_stage = Refiner(model=refiner, start_step_percentage=50)
    first = client.generate_image(PROMPT, **SMALL, refiner=second_stage)
    again = client.generate_image(PROMPT, **SMALL, refiner=second_stage)
    other = client.generate_image(PROMPT, **{**SMALL, "seed": 8}, refiner=second_stage)
    assert first.png == again.png
    assert png_pixels(first.png) != png_pixels(other.png)


def test_the_units_of_the_handoff_mean_the_same_latents(client: Client, refiner: str) -> None:
    def digest(start: Refiner) -> bytes:
        events = client.generate(PROMPT, **{**SMALL, "steps": 10}, refiner=start)
        return next(event.latents_sha256 for event in events if isinstance(event, HandedOff))

    by_step = digest(Refiner(model=refiner, start_step=9))
    assert by_step == digest(Refiner(model=refiner, start_step_percentage=80))
    assert by_step != digest(Refiner(model=refiner, start_step_percentage=70))
    wait_until_idle(client)


def test_several_pictures_count_their_seeds_up(client: Client) -> None:
    events = list(client.generate(PROMPT, **SMALL, number_results=2))
    images = [event for event in events if isinstance(event, Image)]
    assert [(image.seed, image.image_index, image.image_count) for image in images] == [
        (7, 0, 2),
        (8, 1, 2),
    ]
    assert [image.summary is None for image in images] == [True, False]
    alone = client.generate_image(PROMPT, **{**SMALL, "seed": 8})
    assert png_pixels(images[1].png) == png_pixels(alone.png)


def test_the_refiner_finishes_a_picture_that_is_sent(client: Client, refiner: str) -> None:
    first = client.generate_image(PROMPT, steps=2, seed=1, width=64, height=64)
    name = client.upload(first.png)
    options: GenerateOptions = {"model": refiner, "seed_image": name, "strength": 0.5}
    events = list(client.generate(PROMPT, steps=4, seed=2, **options))
    phases = {event.phase for event in events if isinstance(event, Progress)}
    assert phases == {Phase.TEXT_ENCODING, Phase.IMAGE_ENCODING, Phase.REFINER, Phase.DECODING}
    image = events[-1]
    assert isinstance(image, Image)
    assert image.summary is not None
    assert (image.summary.base_steps, image.summary.refiner_steps) == (0, 2)
    assert (image.width, image.height) == (64, 64)
    with pytest.raises(NotFound) as caught:
        client.generate_image(PROMPT, seed_image="00" * 32)
    assert caught.value.fields == ("seedImage",)


@pytest.mark.parametrize(
    ("syntax", "prompt"), [("sdEmbeds", "a (red:1.5) fox"), ("compel", "a red+++ fox")]
)
def test_weights_in_a_prompt_change_the_picture(client: Client, syntax: str, prompt: str) -> None:
    weighted: GenerateOptions = {**SMALL, "prompt_weighting": syntax}
    plain = client.generate_image("a red fox", **weighted)
    strong = client.generate_image(prompt, **weighted)
    assert png_pixels(plain.png) != png_pixels(strong.png)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"loras": [Lora(model="none")]}, "lora[0].model"),
        ({"embeddings": [Embedding(model="none")]}, "embeddings[0].model"),
        ({"vae": "none"}, "vae"),
    ],
)
def test_a_file_that_is_not_there_is_named(
    client: Client, options: GenerateOptions, field: str
) -> None:
    with pytest.raises(NotFound) as caught:
        client.generate_image(PROMPT, **options)
    assert caught.value.fields == (field,)


def test_a_picture_need_not_be_square(client: Client) -> None:
    image = client.generate_image(PROMPT, **{**SMALL, "width": 96})
    assert png_size(image.png) == Size(height=64, width=96)


def test_a_request_with_only_a_prompt_works(client: Client) -> None:
    image = client.generate_image(PROMPT, steps=1)
    assert png_size(image.png) == Size(image.height, image.width)


def test_clip_skip_changes_the_picture(client: Client) -> None:
    plain = client.generate_image(PROMPT, **SMALL)
    skipped = client.generate_image(PROMPT, **SMALL, clip_skip=1)
    assert png_pixels(plain.png) != png_pixels(skipped.png)


def test_a_picture_is_made_from_an_uploaded_one(client: Client) -> None:
    start = client.generate_image(PROMPT, **SMALL)
    name = client.upload(start.png)
    assert name == start.sha256.hex()
    options: GenerateOptions = {"steps": 4, "seed": 8, "seed_image": name}
    events = list(client.generate("a blue fox", **options, strength=0.5))
    accepted, image = events[0], events[-1]
    assert isinstance(accepted, Accepted)
    assert isinstance(image, Image)
    assert accepted.base_steps == 2
    assert accepted.fingerprint != ""
    assert accepted.size == png_size(image.png) == Size(64, 64)
    assert image.summary is not None
    assert image.summary.image_encoding_seconds > 0
    assert png_pixels(image.png) != png_pixels(start.png)


@pytest.mark.parametrize("name", ["Euler", "Euler a", "DPM++ 2M Karras", "DDIM", "UniPC"])
def test_a_scheduler_is_asked_for_by_name(client: Client, name: str) -> None:
    accepted, *_, image = client.generate(PROMPT, **SMALL, scheduler=name)
    assert isinstance(accepted, Accepted)
    assert isinstance(image, Image)
    assert name.startswith(accepted.scheduler)


NO_MODEL = "no such model"
BAD_REQUESTS = [
    ({"refiner": Refiner(model="R", start_step=3, start_step_percentage=50)},
     InvalidRequest, "conflictRefinerStart",
     {"refiner.startStep", "refiner.startStepPercentage"}),
    ({"refiner": Refiner(model="R")}, InvalidRequest, "missingRefinerStart",
     {"refiner.startStep", "refiner.startStepPercentage", "refiner.startTimestep",
      "refiner.startSigma"}),
    ({"refiner": Refiner(model="R", start_step=5)},
     InvalidRequest, "invalidRefinerStartStep", {"refiner.startStep", "steps"}),
    ({"refiner": Refiner(model="R", start_step=1)},
     InvalidRequest, "invalidRefinerStartStep", {"refiner.startStep"}),
    ({"refiner": Refiner(model="R", start_step_percentage=100)},
     InvalidRequest, "invalidRefinerStartStepPercentage", {"refiner.startStepPercentage"}),
    ({"refiner": Refiner(start_step=3)},
     InvalidRequest, "missingRefinerModel", {"refiner.model"}),
    ({"refiner": Refiner(model="R", start_step=3, aesthetic_score=float("inf"))},
     InvalidRequest, "invalidRefinerAestheticScore", {"refiner.aestheticScore"}),
    ({"cfg_scale": float("nan")}, InvalidRequest, "invalidCFGScale", {"CFGScale"}),
    ({"cfg_scale": 50.5}, InvalidRequest, "invalidCFGScale", {"CFGScale"}),
    ({"steps": 0}, InvalidRequest, "invalidSteps", {"steps"}),
    ({"steps": 2**32 - 1}, InvalidRequest, "invalidSteps", {"steps"}),
    ({"width": 65}, InvalidRequest, "invalidWidth", {"width"}),
    ({"width": 2**32 - 8}, InvalidRequest, "invalidWidth", {"width"}),
    ({"height": 0}, InvalidRequest, "invalidHeight", {"height"}),
    ({"seed": -1}, InvalidRequest, "invalidSeed", {"seed"}),
    ({"number_results": 21}, InvalidRequest, "invalidNumberResults", {"numberResults"}),
    ({"scheduler": "no such scheduler"}, InvalidRequest, "invalidScheduler", {"scheduler"}),
    ({"model": NO_MODEL}, NotFound, "modelNotFound", {"model"}),
    ({"refiner": Refiner(model=NO_MODEL, start_step=3)},
     NotFound, "modelNotFound", {"refiner.model"}),
    ({"model": "R"}, FailedPrecondition, "invalidModel", {"model"}),
    ({"refiner": Refiner(model="B", start_step=3)},
     FailedPrecondition, "invalidRefinerModel", {"refiner.model"}),
]  # fmt: skip


def named(options: GenerateOptions, base: str, refiner: str) -> GenerateOptions:
    """The options with the placeholders B and R replaced by the models' names."""
    names = {"B": base, "R": refiner}
    options = {**SMALL, **options}
    if (model := options.get("model")) is not None:
        options["model"] = names.get(model, model)
    if (part := options.get("refiner")) is not None and part.model is not None:
        options["refiner"] = Refiner(**{**vars(part), "model": names.get(part.model, part.model)})
    return options


@pytest.mark.parametrize(
    ("options", "kind", "code", "fields"), BAD_REQUESTS, ids=[code for *_, code, _ in BAD_REQUESTS]
)
def test_a_bad_request_is_refused_by_name_and_the_connection_goes_on(
    server_address: str,
    base: str,
    refiner: str,
    options: GenerateOptions,
    kind: type[RefineryError],
    code: str,
    fields: set[str],
) -> None:
    with Wire(server_address) as wire:
        with pytest.raises(kind) as caught:
            wire.ask(GENERATE, generate_request(PROMPT, named(options, base, refiner)))
        assert (caught.value.code, set(caught.value.fields)) == (code, fields)
        assert not caught.value.retryable
        assert len(caught.value.message) > 20
        assert wire.ask(PING, ping_request(b"still here")) == [b"still here"]


@pytest.mark.parametrize("prompt", ["", "x", "x" * 3001, "a\0b"])
def test_a_bad_prompt_is_refused_by_name(client: Client, prompt: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.generate_image(prompt, **SMALL)
    assert caught.value.fields == ("positivePrompt",)


def test_a_bad_request_is_counted_as_refused_and_not_accepted(client: Client) -> None:
    before = wait_until_idle(client)
    with pytest.raises(InvalidRequest):
        client.generate_image(PROMPT, **{**SMALL, "steps": 0})
    after = client.server_stats()
    assert (after.accepted, after.refused) == (before.accepted, before.refused + 1)


class Wire:
    """One connection for several calls, which the client itself never makes."""

    def __init__(self, address: str) -> None:
        parsed = parse_address(address)
        assert isinstance(parsed, TCPAddress)
        self.socket = socket.create_connection((parsed.host, parsed.port), PATIENCE_SECONDS)
        self._stream = -1

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def call(self, method: Method[Result], payload: bytes) -> Call[Result]:
        self._stream += 2
        return Call(method, payload, stream=self._stream)

    def ask(self, method: Method[Result], payload: bytes) -> list[Result]:
        call = self.call(method, payload)
        self.socket.sendall(call.request)
        return self.answers(call)

    def answers(self, call: Call[Result]) -> list[Result]:
        results = []
        while (result := call.poll()) is not CallState.ENDED:
            if isinstance(result, CallState):
                call.feed(self.socket.recv(1 << 16))
            else:
                results.append(result)
        return results


def test_a_request_byte_by_byte_is_answered_the_same(server_address: str) -> None:
    with Wire(server_address) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        call = wire.call(PING, ping_request(b"slowly"))
        for byte in call.request:
            wire.socket.sendall(bytes([byte]))
        assert wire.answers(call) == [b"slowly"]


def test_calls_on_one_connection_do_not_mix(server_address: str) -> None:
    with Wire(server_address) as wire:
        calls = [wire.call(PING, ping_request(str(index).encode())) for index in range(50)]
        wire.socket.sendall(b"".join(call.request for call in calls))
        answers = {}
        while len(answers) < len(calls):
            data = wire.socket.recv(1 << 16)
            assert data, f"the server hung up after {len(answers)} answers"
            for index, call in enumerate(calls):
                call.feed(data)
                if not isinstance(answer := call.poll(), CallState):
                    answers[index] = answer
    assert answers == {index: str(index).encode() for index in range(50)}


@pytest.mark.parametrize(
    "noise",
    [
        encode_frame(Frame(1, 9, 0, b"a type of the future")),
        encode_frame(Frame(99, 2, 0, b"a response to nothing")),
    ],
)
def test_frames_of_the_future_are_ignored(server_address: str, noise: bytes) -> None:
    with Wire(server_address) as wire:
        wire.socket.sendall(noise)
        assert wire.ask(PING, ping_request(b"hi")) == [b"hi"]


@pytest.mark.parametrize(
    ("service", "name"),
    [("refinery.v1.Server", "Explode"), ("no.such.Service", "Ping"), ("", "")],
)
def test_an_unknown_call_is_unimplemented(server_address: str, service: str, name: str) -> None:
    unknown = Method(service, name, streams=False, decode=bytes)
    with Wire(server_address) as wire:
        with pytest.raises(Unimplemented):
            wire.ask(unknown, b"")
        assert wire.ask(PING, b"") == [b""]


def test_a_request_above_the_limit_costs_only_itself(server_address: str, client: Client) -> None:
    limit = client.server_info().request_byte_limit
    assert limit > 0
    with Wire(server_address) as wire:
        with pytest.raises(ResourceExhausted):
            wire.ask(PING, ping_request(bytes(limit + 1)))
        assert wire.ask(PING, ping_request(b"hi")) == [b"hi"]


def test_a_payload_that_is_no_message_is_refused(server_address: str) -> None:
    with Wire(server_address) as wire:
        with pytest.raises(InvalidRequest):
            wire.ask(GENERATE, b"\xff\xff")
        assert wire.ask(PING, b"") == [b""]


def test_the_server_tells_about_itself(client: Client) -> None:
    assert client.health() is Health.SERVING
    assert client.health("refinery.v1.ImageGeneration") is Health.SERVING
    assert client.ping(b"hello") >= 0
    info = client.server_info()
    assert info.version != ""
    assert info.lanes >= 1
    models = client.models()
    assert info.default_model in {name for model in models for name in (model.id, *model.aliases)}
    for model in models:
        assert model.id != ""
        assert (model.problem == "") == (model.role is not ModelRole.UNUSABLE)
        if model.role is not ModelRole.UNUSABLE:
            assert model.byte_count > 0
            assert model.parameter_count > 0


def test_leaving_the_loop_cancels_the_job(client: Client) -> None:
    before = wait_until_idle(client)
    for event in client.generate(PROMPT, **LONG):
        if isinstance(event, Progress) and event.phase is Phase.BASE:
            break
    after = wait_until_idle(client)
    assert after.cancelled == before.cancelled + 1
    assert after.accepted == before.accepted + 1
    assert after.finished == before.finished


def test_a_timeout_cancels_the_job(client: Client) -> None:
    before = wait_until_idle(client)
    with pytest.raises(DeadlineExceeded):
        client.generate_image(PROMPT, **LONG, timeout=0.5)
    after = wait_until_idle(client)
    assert after.finished == before.finished
    assert after.cancelled + after.failed == before.cancelled + before.failed + 1


def test_the_counts_close(client: Client, refiner: str) -> None:
    before = wait_until_idle(client)
    client.generate_image(PROMPT, **SMALL, refiner=Refiner(model=refiner, start_step=4))
    after = wait_until_idle(client)
    assert after.finished == before.finished + 1
    assert after.base_steps == before.base_steps + 3
    assert after.refiner_steps == before.refiner_steps + 1
    assert after.accepted == (
        after.finished + after.failed + after.cancelled + after.queued + after.running
    )


def test_concurrent_clients_get_the_pictures_they_would_get_alone(
    server_address: str, refiner: str
) -> None:
    second_stage = Refiner(model=refiner, start_step=3)

    def make(seed: int) -> bytes:
        with Client(server_address) as client:
            options: GenerateOptions = {**SMALL, "seed": seed, "refiner": second_stage}
            return client.generate_image(PROMPT, **options).png

    seeds = range(1, 7)
    together: dict[int, bytes] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: together.update({seed: make(seed)}))
        for seed in seeds
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert together == {seed: make(seed) for seed in seeds}


def test_asyncio_makes_the_same_picture(server_address: str, client: Client, refiner: str) -> None:
    second_stage = Refiner(model=refiner, start_step=3)

    async def make() -> list[Event]:
        async with AsyncClient(server_address) as asynchronous:
            assert await asynchronous.health() is Health.SERVING
            return [
                event
                async for event in asynchronous.generate(PROMPT, **SMALL, refiner=second_stage)
            ]

    image = check_order(asyncio.run(make()), base_steps=2, refiner_steps=2)
    assert image.png == client.generate_image(PROMPT, **SMALL, refiner=second_stage).png


def test_asyncio_jobs_run_side_by_side(server_address: str) -> None:
    async def make() -> list[Image]:
        async with AsyncClient(server_address) as asynchronous:
            return await asyncio.gather(
                *(
                    asynchronous.generate_image(PROMPT, **{**SMALL, "seed": seed})
                    for seed in (1, 1, 2)
                )
            )

    first, same, other = asyncio.run(make())
    assert first.png == same.png
    assert png_pixels(first.png) != png_pixels(other.png)


def test_cancelling_the_task_cancels_the_job(server_address: str, client: Client) -> None:
    before = wait_until_idle(client)

    async def make() -> None:
        started = asyncio.Event()

        async def run() -> None:
            async with (
                AsyncClient(server_address) as asynchronous,
                aclosing(asynchronous.generate(PROMPT, **LONG)) as events,
            ):
                async for event in events:
                    if isinstance(event, Progress):
                        started.set()

        task = asyncio.create_task(run())
        await asyncio.wait_for(started.wait(), PATIENCE_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(make())
    after = wait_until_idle(client)
    assert (after.cancelled, after.finished) == (before.cancelled + 1, before.finished)


def test_asyncio_hears_of_a_bad_request(server_address: str) -> None:
    async def make() -> None:
        async with AsyncClient(server_address) as asynchronous:
            with pytest.raises(InvalidRequest) as caught:
                await asynchronous.generate_image(PROMPT, **{**SMALL, "steps": 0})
            assert caught.value.fields == ("steps",)
            assert await asynchronous.ping() >= 0

    asyncio.run(make())


def test_the_command_line_saves_the_picture(
    server_address: str, refiner: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "fox.png"
    arguments = ["generate", PROMPT, f"--server={server_address}"]
    arguments += [f"--output={output}", f"--refiner={refiner}"]
    small = ["--width=64", "--height=64", "--steps=4", "--refiner-start-percentage=50"]
    assert main(arguments + small) == 0
    assert png_size(output.read_bytes()) == Size(64, 64)
    said = capsys.readouterr().err
    assert "[base   ] step 2/4" in said
    assert "[refiner] step 4/4" in said
    assert main([*arguments, "--steps", "0"]) == 2
