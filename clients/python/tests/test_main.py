"""The command line: its lines and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_server import (
    END,
    PICTURE,
    SUMMARY,
    TWO_STAGES,
    FakeServer,
    Peer,
    answering,
    event,
    failure,
    holding,
    reply,
)

from refinery_client.__main__ import main
from refinery_client._proto.refinery_pb2 import GenerateRequest, UploadedImage, UploadImageRequest

SOURCES = Path(__file__).resolve().parent.parent / "src"


def test_a_picture_is_made_and_its_progress_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "fox.png"
    with FakeServer(answering(*TWO_STAGES)) as server:
        code = main(["a red fox", "--server", server.address, "--output", str(output)])
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
        assert main(["a red fox", *flags]) == 0
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
    }
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    with FakeServer(script) as server:
        main(["fox", "--server", server.address, "--output", f"{tmp_path}/p.png", *arguments])
    request = GenerateRequest.FromString(payloads[0])
    assert request == GenerateRequest(
        request_id=request.request_id,
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
        arguments = ["fox", f"--server={server.address}", f"--output={tmp_path}/p.png"]
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
        ([failure(14, "draining")], 4),
        ([TWO_STAGES[0], failure(13, "a bug")], 4),
        ([TWO_STAGES[0]], 4),
    ],
)
def test_a_failure_has_its_exit_code_and_one_line(
    frames: list[bytes], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--reconnect=0", f"--output={tmp_path}/p.png"]
    with FakeServer(answering(*frames)) as server:
        assert main(["fox", f"--server={server.address}", *flags]) == code
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_nobody_listening_is_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fox", "--server", f"unix:{tmp_path}/s", "--output", f"{tmp_path}/p.png"]) == 3
    assert "refinery serve --listen" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_exit_code_4(tmp_path: Path) -> None:
    with FakeServer(answering(*TWO_STAGES)) as server:
        assert main(["fox", "--server", server.address, "--output", str(tmp_path)]) == 4


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["fox", "--steps", "many"],
        ["fox", "--timeout", "0"],
        ["fox", "--server", "nonsense"],
        ["fox", "--output", "no/such/folder/p.png"],
        ["fox", "--seed-image", "no/such/picture.png"],
    ],
)
def test_bad_usage_is_exit_code_2(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(flags)
    assert caught.value.code == 2


def test_an_interrupt_cancels_and_is_exit_code_130(tmp_path: Path) -> None:
    with FakeServer(holding(TWO_STAGES[:5])) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "refinery_client", "fox", "--server", server.address],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stderr is not None
            process.stderr.readline()
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
            assert process.wait(10) == 130, rest
        assert "interrupted" in rest
        assert server.peers[0].hung_up.wait(10)
