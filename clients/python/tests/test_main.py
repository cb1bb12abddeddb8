"""The command line: its lines and exit codes."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from fake_server import (
    END,
    PICTURE,
    SUMMARY,
    TWO_BRANCHES,
    TWO_STAGES,
    FakeServer,
    Peer,
    answering,
    event,
    failure,
    holding,
    reply,
)

from refinery_client._cli import main
from refinery_client._proto import refinery_pb2
from refinery_client._proto.refinery_pb2 import (
    CancelJobRequest,
    GenerateRequest,
    ListJobsRequest,
    ListJobsResponse,
    ListModelsResponse,
    ResumeJobRequest,
    UploadedImage,
    UploadImageRequest,
)

SOURCES = Path(__file__).resolve().parent.parent / "src"


def test_a_picture_is_made_and_its_progress_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "fox.png"
    with FakeServer(answering(*TWO_STAGES)) as server:
        code = main(["generate", "a red fox", "--server", server.address, "--output", str(output)])
    assert code == 0
    assert output.read_bytes() == b"\x89PNG"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "advice: Take more steps.",
        "base: 2 base + 1 refiner steps, Euler leading",
        "[queue  ] 1 ahead",
        "[text   ] 0 s",
        "[base   ] step 1/3, 0.0 s a step, 0 s",
        "[base   ] step 2/3, 0.0 s a step, 0 s",
        "[handoff] the refiner takes over at step 3",
        "[refiner] step 3/3, 0.0 s a step, 0 s",
        "[decode ] 0 s, 0 s left",
        f"{output}: 64 x 32, seed 5",
    ]


def test_several_pictures_are_numbered(tmp_path: Path) -> None:
    first = event(1, image={**PICTURE, "image_count": 2})
    second = event(2, image={**PICTURE, "image_count": 2, "image_index": 1, "summary": SUMMARY})
    with FakeServer(answering(first, second, END)) as server:
        flags = ["--server", server.address, "--count", "2", "--output", f"{tmp_path}/fox.png"]
        assert main(["generate", "a red fox", *flags]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fox-1.png", "fox-2.png"]


def test_every_flag_reaches_the_request(tmp_path: Path) -> None:
    payloads = []

    def script(peer: Peer) -> None:
        payloads.append(peer.read_request().payload)
        peer.send(b"".join(TWO_STAGES))

    flags = {
        "negative-prompt": "blurry",
        "model": "base",
        "width": "64",
        "height": "72",
        "steps": "10",
        "scheduler": "Euler",
        "seed": "3",
        "cfg-scale": "5",
        "count": "2",
        "refiner": "r",
        "refiner-start-step": "9",
        "refiner-start-percentage": "80",
        "lora": "civitai:1@2:0.5",
        "request-id": "my fox",
        "priority": "-3",
        "deadline": "1.5",
        "pause-at": "handoff",
    }
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    with FakeServer(script) as server:
        main(
            [
                "generate",
                "fox",
                "--server",
                server.address,
                "--output",
                f"{tmp_path}/p.png",
                *arguments,
            ]
        )
    request = GenerateRequest.FromString(payloads[0])
    assert request == GenerateRequest(
        request_id="my fox",
        positive_prompt="fox",
        negative_prompt="blurry",
        model="base",
        width=64,
        height=72,
        steps=10,
        scheduler="Euler",
        seed=3,
        cfg_scale=5,
        number_results=2,
        refiner={"model": "r", "start_step": 9, "start_step_percentage": 80},
        loras=[{"model": "civitai:1@2", "weight": 0.5}],
        priority=-3,
        deadline_ms=1500,
        pause_at={"handoff": True},
    )


def test_pictures_are_uploaded_and_named_in_the_request(tmp_path: Path) -> None:
    requests = []

    def script(peer: Peer) -> None:
        requests.append(call := peer.read_request())
        if call.method == "UploadImage":
            data = UploadImageRequest.FromString(call.payload).data
            answer = UploadedImage(sha256=data.decode(), received=len(data), complete=True)
            peer.send(reply(answer.SerializeToString()))
        else:
            peer.send(b"".join(TWO_STAGES))

    (tmp_path / "seed.png").write_bytes(b"seed")
    (tmp_path / "mask.png").write_bytes(b"mask")
    flags = [f"--seed-image={tmp_path}/seed.png", f"--mask-image={tmp_path}/mask.png"]
    with FakeServer(script) as server:
        arguments = ["generate", "fox", f"--server={server.address}", f"--output={tmp_path}/p.png"]
        assert main([*arguments, *flags, "--strength=0.5"]) == 0
    assert [call.method for call in requests] == ["UploadImage", "UploadImage", "Generate"]
    request = GenerateRequest.FromString(requests[-1].payload)
    assert request == GenerateRequest(
        request_id=request.request_id,
        positive_prompt="fox",
        seed_image="seed",
        mask_image="mask",
        strength=0.5,
    )


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([failure(3, "steps is 0")], 2),
        ([failure(5, "no such model")], 2),
        ([failure(9, "not a refiner")], 2),
        ([failure(8, "the queue is full")], 4),
        ([failure(16, "no token")], 2),
        ([failure(14, "draining")], 3),
        ([TWO_STAGES[0], failure(13, "a bug")], 4),
        ([TWO_STAGES[0]], 3),
    ],
)
def test_a_failure_has_its_exit_code_and_one_line(
    frames: list[bytes], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--reconnect=0", f"--output={tmp_path}/p.png"]
    with FakeServer(answering(*frames)) as server:
        assert main(["generate", "fox", f"--server={server.address}", *flags]) == code
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_nobody_listening_is_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["generate", "fox", "--server", f"unix:{tmp_path}/s", "--output", f"{tmp_path}/p.png"])
        == 3
    )
    assert "refinery serve --listen" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_exit_code_4(tmp_path: Path) -> None:
    with FakeServer(answering(*TWO_STAGES)) as server:
        assert main(["generate", "fox", "--server", server.address, "--output", str(tmp_path)]) == 4


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["paint", "fox"],
        ["generate"],
        ["generate", "fox", "--steps", "many"],
        ["generate", "fox", "--timeout", "0"],
        ["generate", "fox", "--server", "nonsense"],
        ["generate", "fox", "--retry", "-1"],
        ["generate", "fox", "--output", "no/such/folder/p.png"],
        ["generate", "fox", "--seed-image", "no/such/picture.png"],
        ["generate", "fox", "--pause-at", "noon"],
        ["compare", "fox", "--handoffs", "none"],
        ["compare", "fox", "--handoffs", "none,x"],
        ["compare", "fox", "--pause-at", "3"],
        ["jobs", "--state", "lost"],
        ["cancel", "fox", "--outcome", "now"],
        ["resume"],
    ],
)
def test_bad_usage_is_exit_code_2(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(flags)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "flags",
    [
        ["watch", "--output", "all.png"],
        ["generate", "fox", "--detach", "--timeout", "5"],
        ["jobs", "--token-file", "no/such/file"],
        ["jobs", "--token-file", os.devnull],
    ],
)
def test_flags_that_do_not_go_together_are_exit_code_2(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--server", "127.0.0.1:1"]) == 2
    assert capsys.readouterr().err.startswith("error: --")


@pytest.mark.parametrize(
    "command", ["generate", "compare", "watch", "jobs", "cancel", "resume", "image", "models"]
)
def test_every_command_has_help_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert f"  python -m refinery_client {command}" in said.partition("examples:")[2]


JOB = refinery_pb2.Job(
    id="fox",
    state="RUNNING",
    phase="REFINER",
    image_count=1,
    step=3,
    base_steps=2,
    refiner_steps=2,
    eta_seconds=4.4,
    model="base",
    refiner_model="refiner",
    size={"height": 32, "width": 64},
)
FAILED = refinery_pb2.Job(
    id="old\x1b[2J",
    state="FAILED",
    model="base",
    size={"height": 32, "width": 64},
    error={"code": 13, "message": "a NaN", "detail": {"code": "inferenceError"}},
)
JOB_LINE = "fox  running, refiner 3/4, 4 s left  base + refiner  64 x 32"


class Recorder:
    """Gives one answer after another, a connection each; keeps what was asked."""

    def __init__(self, *answers: bytes | list[bytes]) -> None:
        self._answers = iter(answers)
        self.payloads: list[bytes] = []
        self.methods: list[str] = []

    def __call__(self, peer: Peer) -> None:
        request = peer.read_request()
        self.methods.append(request.method)
        self.payloads.append(request.payload)
        answer = next(self._answers)
        peer.send(answer if isinstance(answer, bytes) else b"".join(answer))


def run(script: Recorder, *arguments: str) -> int:
    with FakeServer(script) as server:
        return main([*arguments, "--server", server.address])


def test_a_job_is_handed_in_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    script = Recorder(reply(JOB.SerializeToString()))
    assert run(script, "generate", "a red fox", "--detach", "--request-id", "fox") == 0
    assert script.methods == ["Submit"]
    assert GenerateRequest.FromString(script.payloads[0]).request_id == "fox"
    assert capsys.readouterr().out == f"{JOB_LINE}\n"


def test_jobs_are_listed_and_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    answer = ListJobsResponse(jobs=[JOB, FAILED])
    script = Recorder(reply(answer.SerializeToString()))
    assert run(script, "jobs", "--state", "running", "--state", "failed", "--model", "base") == 0
    asked = ListJobsRequest.FromString(script.payloads[0])
    assert asked == ListJobsRequest(states=["RUNNING", "FAILED"], model="base")
    assert capsys.readouterr().out.splitlines() == [
        JOB_LINE,
        "old\\x1b[2J  failed  base  64 x 32",
        "    a NaN [inferenceError]",
    ]


@pytest.mark.parametrize(("flags", "count"), [([], 100), (["--all"], 150)])
def test_the_newest_jobs_are_listed_or_all(
    flags: list[str], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [
        ListJobsResponse(jobs=[JOB] * 100, next_page_token="more"),
        ListJobsResponse(jobs=[JOB] * 50),
    ]
    script = Recorder(*(reply(page.SerializeToString()) for page in pages))
    assert run(script, "jobs", *flags) == 0
    assert len(capsys.readouterr().out.splitlines()) == count


@pytest.mark.parametrize(
    ("flags", "outcome"),
    [
        ([], "DISCARD"),
        (["--outcome", "decode"], "DECODE_NOW"),
        (["--outcome", "refiner"], "SKIP_TO_REFINER"),
    ],
)
def test_a_job_is_cancelled(flags: list[str], outcome: str) -> None:
    script = Recorder(reply(JOB.SerializeToString()))
    assert run(script, "cancel", "fox", *flags) == 0
    asked = CancelJobRequest.FromString(script.payloads[0])
    assert asked == CancelJobRequest(job_id="fox", outcome=outcome)


def test_a_paused_job_goes_on_and_its_picture_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = refinery_pb2.Job(id="job", resumes="fox")
    script = Recorder(reply(made.SerializeToString()), TWO_STAGES)
    flags = ["--refiner=r", "--refiner-start-step=9", "--refiner-cfg-scale=3", "--pause-at=9"]
    flags += ["--refiner-prompt=sharp", "--refiner-negative-prompt=", "--request-id=job"]
    assert run(script, "resume", "fox", *flags, f"--output={tmp_path}/fox.png") == 0
    assert script.methods == ["ResumeJob", "Watch"]
    assert ResumeJobRequest.FromString(script.payloads[0]) == ResumeJobRequest(
        job_id="fox",
        request_id="job",
        refiner={
            "model": "r",
            "start_step": 9,
            "cfg_scale": 3,
            "positive_prompt": "sharp",
            "negative_prompt": "",
        },
        pause_at={"step": 9},
    )
    assert (tmp_path / "fox.png").read_bytes() == b"\x89PNG"
    assert "the job is job" in capsys.readouterr().err


def test_a_paused_job_goes_on_without_the_refiner() -> None:
    script = Recorder(reply(JOB.SerializeToString()))
    assert run(script, "resume", "fox", "--no-refiner", "--detach") == 0
    asked = ResumeJobRequest.FromString(script.payloads[0])
    assert asked.without_refiner
    assert not asked.HasField("refiner")


def test_a_pause_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preview = event(1, image={**PICTURE, "paused_step": 2, "summary": SUMMARY})
    script = Recorder([preview, END])
    assert run(script, "generate", "fox", "--pause-at=2", f"--output={tmp_path}/fox.png") == 0
    assert "paused after step 2: resume job goes on from it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "refiner", "branches", "names"),
    [
        (
            ["--refiner=r"],
            {"model": "r"},
            [{}, {"refiner": {"start_step_percentage": 80}}],
            ["fox-none.png", "fox-refiner.png"],
        ),
        (
            ["--refiner=r", "--refiner-start-step=3"],
            {"model": "r", "start_step": 3},
            [{}, {"refiner": {}}],
            ["fox-none.png", "fox-refiner.png"],
        ),
        (
            ["--refiner=r", "--handoffs=3,90%"],
            {"model": "r"},
            [{"refiner": {"start_step": 3}}, {"refiner": {"start_step_percentage": 90}}],
            ["fox-3.png", "fox-90pct.png"],
        ),
    ],
)
def test_endings_are_compared(
    tmp_path: Path,
    flags: list[str],
    refiner: dict[str, object],
    branches: list[dict[str, object]],
    names: list[str],
) -> None:
    frames = [
        event(1, image={**PICTURE, "png": b"1", "image_count": 2, "branch": 1}),
        event(
            2,
            image={
                **PICTURE,
                "png": b"0",
                "image_count": 2,
                "image_index": 1,
                "branch": 0,
                "summary": SUMMARY,
            },
        ),
        END,
    ]
    script = Recorder(frames)
    assert run(script, "compare", "fox", *flags, f"--output={tmp_path}/fox.png") == 0
    asked = GenerateRequest.FromString(script.payloads[0])
    assert asked == GenerateRequest(
        request_id=asked.request_id, positive_prompt="fox", refiner=refiner, branches=branches
    )
    assert [(tmp_path / name).read_bytes() for name in names] == [b"0", b"1"]


def test_endings_of_several_seeds_are_numbered(tmp_path: Path) -> None:
    script = Recorder(TWO_BRANCHES)
    flags = ["--refiner=r", "--count=2", f"--output={tmp_path}/fox.png"]
    assert run(script, "compare", "fox", *flags) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "fox-none-1.png": b"alone 5",
        "fox-none-2.png": b"alone 6",
        "fox-refiner-1.png": b"refined 5",
        "fox-refiner-2.png": b"refined 6",
    }


def test_a_job_is_followed_and_written_only_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(Recorder(TWO_STAGES), "watch", "fox") == 0
    assert not list(tmp_path.iterdir())
    assert "64 x 32, seed 5" in capsys.readouterr().err.splitlines()
    assert run(Recorder(TWO_STAGES), "watch", "fox", "--output", "fox.png") == 0
    assert (tmp_path / "fox.png").exists()


def test_all_jobs_are_followed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    ended = event(11, ended={"state": "FAILED", "error": {"code": 13, "message": "a NaN\n"}})
    script = Recorder([*TWO_STAGES[:-1], ended])
    assert run(script, "watch", "--reconnect=0") == 3
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "job  advice: Take more steps.; base: 2 base + 1 refiner steps, Euler leading"
    assert said[-2:] == ["job  picture 1 of 1: 64 x 32, seed 5", "job  failed: a NaN\\n"]


def test_a_finished_picture_is_fetched(tmp_path: Path) -> None:
    png = b"\x89PNG..."
    chunk = refinery_pb2.ImageChunk(
        data=png, byte_count=len(png), sha256=hashlib.sha256(png).digest()
    )
    script = Recorder(reply(chunk.SerializeToString()))
    assert run(script, "image", "fox", "--index=2", f"--output={tmp_path}/fox.png") == 0
    asked = refinery_pb2.ReadImageRequest.FromString(script.payloads[0])
    assert asked == refinery_pb2.ReadImageRequest(job_id="fox", image_index=2)
    assert (tmp_path / "fox.png").read_bytes() == png


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    answer = ListModelsResponse(
        models=[
            {
                "id": "base",
                "role": "BASE_MODEL",
                "architecture": "SDXL base",
                "dtype": "fp16",
                "byte_count": 6_938_000_000,
                "default_size": {"height": 1024, "width": 1024},
                "aliases": ["civitai:1@2"],
                "sha256": "ab",
            },
            {"id": "broken", "architecture": "?", "byte_count": 7, "problem": "It is cut short."},
        ]
    )
    for listed in (answer, ListModelsResponse()):
        assert run(Recorder(reply(listed.SerializeToString())), "models") == 0
    assert capsys.readouterr().out.splitlines() == [
        "base    SDXL base  fp16  6.94 GB  1024 x 1024",
        "    also civitai:1@2",
        "    sha256 ab",
        "broken  ?                7 bytes",
        "    cannot be used: It is cut short.",
        "no models",
    ]


def test_what_is_refused_for_now_is_asked_again_with_a_flag(tmp_path: Path) -> None:
    busy = failure(8, "busy", refinery_pb2.ErrorDetail(retryable=True, retry_after_ms=10))
    for flags, code in (([], 4), (["--retry=60"], 0)):
        script = Recorder(busy, TWO_STAGES)
        assert run(script, "generate", "fox", f"--output={tmp_path}/fox.png", *flags) == code


def test_the_token_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = []

    def script(peer: Peer) -> None:
        tokens.extend(item.value for item in peer.read_request().metadata)
        peer.send(reply(ListModelsResponse().SerializeToString()))

    (tmp_path / "token").write_text("from-the-file\n")
    with FakeServer(script) as server:
        arguments = ["models", "--server", server.address]
        monkeypatch.delenv("REFINERY_TOKEN", raising=False)
        main(arguments)
        monkeypatch.setenv("REFINERY_TOKEN", "from-the-environment")
        main(arguments)
        main([*arguments, "--token-file", f"{tmp_path}/token"])
    assert tokens == ["Bearer from-the-environment", "Bearer from-the-file"]


def started(folder: Path, *arguments: str, **pipes: int) -> subprocess.Popen[str]:
    """The command as a process. It takes interrupts even where the tests themselves run in the
    background of a shell, which makes whatever it starts ignore them."""
    return subprocess.Popen(
        [sys.executable, "-m", "refinery_client", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **pipes,
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["generate", "fox"], "the job is cancelled"), (["watch", "fox"], "the job goes on")],
)
def test_an_interrupt_is_exit_code_130(tmp_path: Path, arguments: list[str], says: str) -> None:
    with FakeServer(holding(TWO_STAGES[:5])) as server:
        process = started(tmp_path, *arguments, "--server", server.address, stderr=subprocess.PIPE)
        with process:
            assert process.stderr is not None
            process.stderr.readline()
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
            assert process.wait(10) == 130, rest
        assert f"interrupted: {says}" in rest
        assert server.peers[0].hung_up.wait(10)


# Between a socket and what would close it, an interrupt leaves that to the end of the process.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_anywhere_is_exit_code_130(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At one line after another of this package, from the reading of the flags to the last."""

    def interrupt_at(count: int) -> int:
        left = count

        def trace(frame: FrameType, kind: str, _: object) -> Callable[..., Any] | None:
            nonlocal left
            if not frame.f_code.co_filename.startswith(str(SOURCES)):
                return None
            left -= kind == "line"
            if left == 0 and kind == "line":
                sys.settrace(None)
                raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            return main(["generate", "fox", "--server", server.address, f"--output={output}"])
        finally:
            sys.settrace(None)

    def script(peer: Peer) -> None:
        with contextlib.suppress(AssertionError):  # it may leave before it has asked
            answering(*TWO_STAGES)(peer)

    output = tmp_path / "fox.png"
    codes = []
    with FakeServer(script) as server:
        # Until a run comes to its end before it is interrupted.
        for count in itertools.count(10, 37):
            codes.append(interrupt_at(count))
            if codes[-1] == 0:
                break
    assert len(codes) > 20
    assert set(codes[:-1]) == {130}
    assert capsys.readouterr().err.count("interrupted") == len(codes) - 1


def test_a_reader_that_has_heard_enough_is_no_traceback(tmp_path: Path) -> None:
    answer = reply(ListJobsResponse(jobs=[JOB] * 100).SerializeToString())
    with FakeServer(answering(answer)) as server:
        reader, writer = os.pipe()
        os.close(reader)
        process = started(
            tmp_path, "jobs", "--server", server.address, stdout=writer, stderr=subprocess.PIPE
        )
        os.close(writer)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (4, "")
