"""The core without I/O: frames and calls against byte transcripts."""

from __future__ import annotations

import pickle
import struct

import pytest
from fake_server import (
    DATA,
    END,
    PICTURE,
    REQUEST,
    RESPONSE,
    SUMMARY,
    TWO_STAGES,
    event,
    failure,
    frame,
    reply,
)

from refinery_client import (
    Accepted,
    ConnectionLost,
    FailedPrecondition,
    HandedOff,
    Handoff,
    Image,
    InvalidRequest,
    Phase,
    Progress,
    ProtocolError,
    Queued,
    RefineryError,
    ResourceExhausted,
    Resumed,
    Size,
    Status,
    Unavailable,
)
from refinery_client._calls import Call, CallState
from refinery_client._frames import DATA_BYTE_LIMIT, Frame, FrameDecoder, encode_frame
from refinery_client._messages import GENERATE, GET_INFO, PING, generate_request, ping_request
from refinery_client._proto.refinery_pb2 import ErrorDetail
from refinery_client._proto.ttrpc_pb2 import Request

WHOLE_JOB = b"".join(TWO_STAGES)


def results_of(call: Call, *chunks: bytes) -> list:
    """Everything the call gives for these bytes; its error, if it has one, is raised at the end."""
    results = []
    for chunk in chunks:
        call.feed(chunk)
        while not isinstance(result := call.poll(), CallState):
            results.append(result)
    return results


def generating() -> Call:
    return Call(GENERATE, b"")


def pinging() -> Call:
    return Call(PING, b"")


def test_a_ping_is_these_bytes() -> None:
    call = Call(PING, ping_request(b"hi"))
    body = b"\n\x12refinery.v1.Server\x12\x04Ping\x1a\x04\n\x02hi"
    assert call.request == b"\0\0\0\x20\0\0\0\x01\x01\x00" + body


def test_a_streaming_request_says_that_nothing_follows_and_carries_the_timeout() -> None:
    call = Call(GENERATE, b"", timeout=1.5)
    assert struct.unpack_from(">IIBB", call.request)[1:] == (1, REQUEST, 0x01)
    request = Request.FromString(call.request[10:])
    assert (request.service, request.method) == ("refinery.v1.ImageGeneration", "Generate")
    assert request.timeout_nano == 1_500_000_000


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_that_cannot_be_meant_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        Call(PING, b"", timeout)


def test_a_tiny_timeout_is_not_none_on_the_wire() -> None:
    request = Request.FromString(Call(PING, b"", 1e-12).request[10:])
    assert request.timeout_nano == 1


def test_a_two_stage_job_gives_all_its_events_in_order() -> None:
    events = results_of(call := generating(), WHOLE_JOB)
    assert call.poll() is CallState.ENDED
    assert [type(item) for item in events] == [
        Accepted,
        Queued,
        Progress,
        Progress,
        Progress,
        HandedOff,
        Progress,
        Progress,
        Image,
    ]
    assert [item.sequence for item in events] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert {item.job_id for item in events} == {"job"}
    accepted, queued, *_, decoding, image = events
    assert accepted.size == Size(height=32, width=64)
    assert accepted.timesteps == (667, 334, 1)
    assert accepted.handoff == Handoff(3, 66.7, 1, 0.1)
    assert accepted.advice == ("Take more steps.",)
    assert queued.eta_seconds == 0  # present, though zero
    assert events[3].eta_seconds is None
    assert events[5].latents_sha256 == b"\x01\x02"
    assert [item.phase for item in events if isinstance(item, Progress)] == [
        Phase.TEXT_ENCODING,
        Phase.BASE,
        Phase.BASE,
        Phase.REFINER,
        Phase.DECODING,
    ]
    assert decoding.eta_seconds == 0.5
    assert (image.png, image.width, image.height, image.seed) == (b"\x89PNG", 64, 32, 5)
    assert image.summary.total_seconds == 1.5


def test_a_job_that_goes_on_after_a_break_says_where() -> None:
    content = {"image_index": 1, "step": 4, "reason": "The server was started again."}
    assert results_of(generating(), event(9, resumed=content)) == [
        Resumed(job_id="job", sequence=9, time_ms=7, **content)
    ]


def test_a_transcript_cut_anywhere_reads_the_same() -> None:
    whole = results_of(generating(), WHOLE_JOB)
    for cut in range(1, len(WHOLE_JOB)):
        assert results_of(generating(), WHOLE_JOB[:cut], WHOLE_JOB[cut:]) == whole, cut


def test_a_transcript_byte_by_byte_reads_the_same() -> None:
    bytes_alone = [WHOLE_JOB[i : i + 1] for i in range(len(WHOLE_JOB))]
    assert results_of(generating(), *bytes_alone) == results_of(generating(), WHOLE_JOB)


@pytest.mark.parametrize("byte_count", range(1, len(WHOLE_JOB), 7))
def test_a_server_that_hangs_up_early_is_a_lost_connection(byte_count: int) -> None:
    call = generating()
    results_of(call, WHOLE_JOB[:byte_count])
    with pytest.raises(ConnectionLost, match="closed the connection") as caught:
        results_of(call, b"")
    assert caught.value.status is Status.UNAVAILABLE
    assert caught.value.retryable


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(event(9, image={**PICTURE, "summary": SUMMARY}) + END, id="empty Data 0x05"),
        pytest.param(event(9, image={**PICTURE, "summary": SUMMARY}) + frame(DATA, b"", 1), id="1"),
        pytest.param(
            frame(DATA, event(9, image={**PICTURE, "summary": SUMMARY})[10:], 1),
            id="Data 0x01 with the last message",
        ),
        pytest.param(
            reply(event(9, image={**PICTURE, "summary": SUMMARY})[10:]),
            id="Response with the last message",
        ),
        pytest.param(event(9, image={**PICTURE, "summary": SUMMARY}) + reply(), id="Response"),
    ],
)
def test_every_good_end_of_a_stream_is_understood(ending: bytes) -> None:
    events = results_of(call := generating(), ending)
    assert [type(item) for item in events] == [Image]
    assert call.poll() is CallState.ENDED


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(END, id="nothing at all"),
        pytest.param(TWO_STAGES[0] + END, id="no picture"),
        pytest.param(event(1, image=PICTURE) + END, id="no picture that completes the job"),
    ],
)
def test_a_stream_that_ends_without_its_picture_is_an_error(frames: bytes) -> None:
    with pytest.raises(ProtocolError, match="without the message that completes it"):
        results_of(generating(), frames)


def test_after_its_end_a_call_wants_nothing_more() -> None:
    call = generating()
    results_of(call, WHOLE_JOB + TWO_STAGES[0])
    call.feed(TWO_STAGES[0])
    call.feed(b"")
    assert call.poll() is CallState.ENDED


def test_an_error_comes_after_the_events_before_it() -> None:
    call = generating()
    call.feed(TWO_STAGES[0] + TWO_STAGES[1] + failure(13, "a NaN in the latents"))
    assert isinstance(call.poll(), Accepted)
    assert isinstance(call.poll(), Queued)
    with pytest.raises(RefineryError, match="a NaN in the latents") as caught:
        call.poll()
    assert type(caught.value) is RefineryError
    assert caught.value.status is Status.INTERNAL


def test_an_error_status_carries_its_detail() -> None:
    detail = ErrorDetail(
        code="conflictRefinerStart",
        fields=["refiner.startStep", "refiner.startStepPercentage"],
        retryable=False,
    )
    with pytest.raises(InvalidRequest, match="give one") as caught:
        results_of(generating(), failure(3, "give one", detail))
    error = caught.value
    assert error.status is Status.INVALID_ARGUMENT
    assert error.code == "conflictRefinerStart"
    assert error.fields == ("refiner.startStep", "refiner.startStepPercentage")
    assert not error.retryable
    assert (str(error), error.message) == ("give one", "give one")


def test_an_error_survives_pickling() -> None:
    detail = ErrorDetail(code="c", fields=["f"], retryable=True, retry_after_ms=5)
    with pytest.raises(FailedPrecondition) as caught:
        results_of(generating(), failure(9, "no", detail))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is FailedPrecondition
    assert vars(copy) == vars(caught.value)


@pytest.mark.parametrize(
    ("frames", "status", "message"),
    [
        pytest.param(failure(14, "later"), Status.UNAVAILABLE, "later", id="no detail"),
        pytest.param(
            failure(14, "later", ErrorDetail(code="x"), url="type.googleapis.com/other"),
            Status.UNAVAILABLE,
            "later",
            id="a detail of another kind",
        ),
        pytest.param(failure(99, "odd"), Status.UNKNOWN, "odd", id="an unknown code"),
        pytest.param(failure(-1, "odd"), Status.UNKNOWN, "odd", id="a negative code"),
        pytest.param(failure(13, ""), Status.INTERNAL, "INTERNAL without a message", id="silent"),
    ],
)
def test_a_status_without_our_detail_is_still_told(
    frames: bytes, status: Status, message: str
) -> None:
    with pytest.raises(RefineryError, match=message) as caught:
        results_of(generating(), frames)
    assert caught.value.status is status
    assert caught.value.code == ""
    assert caught.value.retryable is isinstance(caught.value, Unavailable)


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(frame(9, b"what is this"), id="unknown type"),
        pytest.param(frame(REQUEST, b"a server asks nothing"), id="a request"),
        pytest.param(frame(DATA, b"\xff\xff", stream=3), id="another stream"),
        pytest.param(reply(b"\xff\xff", stream=2), id="an even stream"),
        pytest.param(frame(DATA), id="an event of no known kind"),
        pytest.param(frame(DATA, b"\xfa\x3e\x01x"), id="an event with an unknown field only"),
    ],
)
def test_noise_between_the_frames_is_ignored(noise: bytes) -> None:
    noisy = noise + noise.join(TWO_STAGES)
    assert results_of(generating(), noisy) == results_of(generating(), WHOLE_JOB)


def test_unknown_flags_are_ignored() -> None:
    flagged = frame(DATA, TWO_STAGES[0][10:], flags=0xF8) + b"".join(TWO_STAGES[1:])
    assert results_of(generating(), flagged) == results_of(generating(), WHOLE_JOB)


def test_a_phase_of_a_newer_server_is_unspecified() -> None:
    events = results_of(generating(), event(1, progress={"phase": 42}))
    assert events[0].phase is Phase.UNSPECIFIED


def test_a_unary_call_takes_its_one_answer_even_an_empty_one() -> None:
    assert results_of(call := pinging(), reply()) == [b""]
    assert call.poll() is CallState.ENDED


@pytest.mark.parametrize(
    ("call", "data"),
    [
        pytest.param(generating(), frame(DATA, b"\xff\xff"), id="an event that is none"),
        pytest.param(generating(), frame(RESPONSE, b"\xff\xff"), id="a response that is none"),
        pytest.param(Call(GET_INFO, b""), reply(b"\xff\xff"), id="a payload that is none"),
        pytest.param(generating(), frame(DATA, b"\x0a\x01\xff"), id="text that is not UTF-8"),
    ],
)
def test_bytes_that_are_no_message_break_the_protocol(call: Call, data: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a valid message"):
        results_of(call, data)


def test_a_frame_above_the_limit_is_refused_at_its_header() -> None:
    decoder = FrameDecoder()
    decoder.feed(struct.pack(">IIBB", DATA_BYTE_LIMIT + 1, 1, DATA, 0))
    with pytest.raises(ProtocolError, match=r"4194305 bytes .* at most 4194304"):
        decoder.next_frame()


def test_a_frame_at_the_limit_is_taken() -> None:
    data = bytes(DATA_BYTE_LIMIT)
    decoder = FrameDecoder()
    decoder.feed(encode_frame(Frame(1, DATA, 0, data)))
    assert decoder.next_frame() == Frame(1, DATA, 0, data)
    assert decoder.next_frame() is None
    assert not decoder.is_inside_frame


def test_a_request_above_the_limit_is_not_sent() -> None:
    with pytest.raises(ResourceExhausted, match="at most 4194304"):
        Call(PING, bytes(DATA_BYTE_LIMIT))


@pytest.mark.parametrize("greeting", [b"H", b"HTTP/1.1 400 Bad Request\r\n", b"\x15\x03\x01"])
def test_another_protocol_is_recognised_by_its_first_byte(greeting: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a Refinery server"):
        results_of(generating(), greeting)


def test_a_seed_of_zero_is_sent_and_an_absent_one_is_not() -> None:
    assert generate_request("fox", {"seed": 0}) != generate_request("fox", {})
    assert generate_request("fox", {"seed": None}) == generate_request("fox", {})
