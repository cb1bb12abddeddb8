"""Starting, stopping, configuring and watching a server."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from conftest import ROOT, Refinery, Server, free_port, wait_until

# A job that takes its time on any machine: one step after another, as many as there may be.
LONG = ["--width", "512", "--height", "512", "--steps", "100", "--count", "20"]
SHORT = ["--width", "64", "--height", "64", "--steps", "4", "--seed", "7"]


def get(port: int, path: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def submit(refinery: Refinery, server: Server, name: str, flags: list[str]) -> None:
    done = refinery.run(
        *("generate", "a fox", *flags, "--server", server.address),
        *("--request-id", name, "--detach"),
    )
    assert done.returncode == 0, done.stderr


def wait_for_state(refinery: Refinery, server: Server, name: str, state: str) -> None:
    def is_there() -> bool:
        done = refinery.run("jobs", "--json", "--server", server.address)
        assert done.returncode == 0, done.stderr
        return any(
            job["id"] == name and str(job["state"]).lower() == state
            for job in map(json.loads, done.stdout.splitlines())
        )

    wait_until(is_there, lambda: f"{name} is never {state}:\n{server.log}")


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_at_once(refinery: Refinery, number: int) -> None:
    server = refinery.serve("--listen", "127.0.0.1:0", "--drain-seconds", "3600")
    assert server.stop(number) == 0
    assert "notice stopping" in server.log
    assert server.log.rstrip().endswith("notice stopped")


def test_a_running_job_is_finished_while_new_ones_are_refused(refinery: Refinery) -> None:
    port = free_port()
    server = refinery.serve(
        *("--listen", "127.0.0.1:0", "--data", "data", "--drain-seconds", "3600"),
        *("--admin", f"127.0.0.1:{port}"),
    )
    submit(refinery, server, "running", [*SHORT[:4], "--steps", "100", "--count", "2"])
    # A short job would overtake it else.
    submit(refinery, server, "waiting", [*SHORT, "--priority=-10"])
    wait_for_state(refinery, server, "running", "running")
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("notice stopping")
    assert server.process.wait(120) == 0
    assert "info job finished id=running" in server.log
    assert "notice job left by the server's stop id=waiting" in server.log

    server = refinery.serve("--listen", "127.0.0.1:0", "--data", "data")
    wait_for_state(refinery, server, "waiting", "finished")
    assert server.stop() == 0


def test_what_still_runs_at_the_limit_goes_on_after_the_next_start(refinery: Refinery) -> None:
    arguments = ["--listen", "127.0.0.1:0", "--data", "data", "--checkpoint-seconds", "0"]
    server = refinery.serve(*arguments, "--drain-seconds", "0.2")
    submit(refinery, server, "long", LONG)
    wait_for_state(refinery, server, "long", "running")
    assert server.stop() == 0
    assert "notice job left by the server's stop id=long" in server.log

    server = refinery.serve(*arguments, "--drain-seconds", "0")
    assert "the job goes on from step" in server.log
    wait_for_state(refinery, server, "long", "running")
    assert server.stop() == 0


def test_healthz_says_so_while_the_server_drains(refinery: Refinery) -> None:
    port = free_port()
    server = refinery.serve(
        *("--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{port}", "--drain-seconds", "3600"),
    )
    submit(refinery, server, "long", LONG)
    wait_for_state(refinery, server, "long", "running")
    assert get(port, "/healthz")[0] == 200
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: get(port, "/healthz")[0] == 503, lambda: server.log)
    assert "refinery_up 0\n" in get(port, "/metrics")[2]
    # The second signal ends it at once, whatever it does.
    assert server.stop() == 130


# Configuration


def test_the_example_of_a_configuration_is_good(refinery: Refinery) -> None:
    example = ROOT / "dev/systemd/refinery.conf"
    done = refinery.run("serve", "--config", str(example), "--data", "data", "--check")
    assert done.returncode == 0, done.stderr
    assert "ok       data data, which the start will make" in done.stdout
    assert "ok       model tiny-base: SDXL base" in done.stdout


def test_the_command_line_counts_before_the_file(refinery: Refinery) -> None:
    path = refinery.folder / "refinery.conf"
    path.write_text("listen = 127.0.0.1:1\nlog-format = json\nlanes = 3\n")
    server = refinery.serve("--config", str(path), "--listen", "127.0.0.1:0", ready='"ready;')
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert all(line["level"] in ("info", "notice", "warning") for line in lines)
    assert any(line["message"].startswith("ready; lanes: 3,") for line in lines)
    assert "127.0.0.1:1," not in server.log
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lane = 3", 'line 1: there is no "lane". Did you mean lanes?'),
        ("lanes = many", "many"),
        ("drain-seconds = -1", "--drain-seconds is -1"),
    ],
)
def test_a_mistake_in_the_file_is_said(refinery: Refinery, text: str, said: str) -> None:
    path = refinery.folder / "refinery.conf"
    path.write_text(text + "\n")
    done = refinery.run("serve", "--config", str(path), "--check")
    assert done.returncode == 2
    assert said in done.stderr


def test_check_finds_everything_that_a_start_would(refinery: Refinery) -> None:
    models = refinery.folder / "models"
    models.mkdir()
    (models / "broken.safetensors").write_bytes(b"\x00" * 16)
    (refinery.folder / "file").write_text("")
    done = refinery.run(
        *("serve", "--check", "--listen", "0.0.0.0:1", "--data", "file", "--models", "models"),
    )
    assert done.returncode == 2
    for line in [
        "problem  listen: --listen 0.0.0.0:1 can be reached from other machines",
        "problem  data: file is no folder",
        "warning  model broken:",
    ]:
        assert line in done.stdout, done.stdout
    assert "2 of the lines above" in done.stderr


def test_without_tokens_other_machines_are_not_let_in(refinery: Refinery) -> None:
    done = refinery.run("serve", "--listen", "0.0.0.0:0")
    assert done.returncode == 2
    assert "--tokens" in done.stderr


# Watching


def test_a_real_parser_reads_the_metrics(refinery: Refinery) -> None:
    port = free_port()
    server = refinery.serve("--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{port}")
    made = refinery.run(
        *("generate", "a fox", *SHORT, "--refiner", "tiny-refiner", "--refiner-start-step", "4"),
        *("--server", server.address, "--output", "fox.png"),
    )
    assert made.returncode == 0, made.stderr
    refused = refinery.run("generate", "a fox", "--steps", "0", "--server", server.address)
    assert refused.returncode == 2
    status, kind, text = get(port, "/metrics")
    assert status == 200
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["refinery_jobs_accepted_total",] == 1
    assert samples["refinery_jobs_refused_total",] == 1
    assert samples["refinery_jobs_ended_total", ("outcome", "finished")] == 1
    assert samples["refinery_step_seconds_count", ("expert", "base")] == 3
    assert samples["refinery_step_seconds_count", ("expert", "refiner")] == 1
    assert samples["refinery_step_seconds_sum", ("expert", "base")] > 0
    assert samples["refinery_sent_bytes_total",] > (refinery.folder / "fox.png").stat().st_size
    generate = ("method", "refinery.v1.ImageGeneration/Generate")
    assert samples["refinery_calls_total", generate, ("status", "OK")] == 1
    assert samples["refinery_calls_total", generate, ("status", "INVALID_ARGUMENT")] == 1
    assert families["refinery_step_seconds"].unit == "seconds"
    assert all(family.documentation.endswith(".") for family in families.values())
    assert get(port, "/nothing")[0] == 404
    assert server.stop() == 0


def test_the_log_tells_a_job_in_a_line_and_nothing_of_its_prompt(refinery: Refinery) -> None:
    server = refinery.serve("--listen", "127.0.0.1:0")
    made = refinery.run(
        *("generate", "a secret wish", *SHORT, "--server", server.address),
        *("--request-id", "fox", "--output", "fox.png"),
    )
    assert made.returncode == 0, made.stderr
    server.wait_for("job finished id=fox")
    line = next(line for line in server.log.splitlines() if "job finished" in line)
    assert "model=tiny-base" in line
    assert "size=64x64" in line
    assert "steps=4" in line
    assert "secret" not in server.log
    assert server.stop() == 0


def test_a_log_that_nobody_reads_holds_up_nobody(refinery: Refinery) -> None:
    port = free_port()
    reading, writing = os.pipe()
    # A page: without this, 64 KiB, which are hours' lines and not a moment's.
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    command = [refinery.binary, "serve", "--listen", f"127.0.0.1:{port}", "--threads", "1"]
    process = subprocess.Popen([*command, "--log-level", "debug"], stderr=writing)
    os.close(writing)

    def answers() -> bool:
        return refinery.run("jobs", "--server", f"127.0.0.1:{port}").returncode == 0

    try:
        wait_until(answers, lambda: "no answer")
        # Each is a line of the log.
        for _ in range(300):
            with socket.create_connection(("127.0.0.1", port)) as peer:
                peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
                with contextlib.suppress(ConnectionResetError):
                    peer.recv(1)
        assert answers()
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)


def test_tokens_are_read_again_at_a_hangup(refinery: Refinery, token_file: Path) -> None:
    server = refinery.serve("--listen", "127.0.0.1:0", "--tokens", str(token_file))

    def jobs(token: str) -> int:
        return refinery.run("jobs", "--server", server.address, REFINERY_TOKEN=token).returncode

    assert jobs("alice-0123456789") == 0
    assert jobs("alice-0123456780") == 2
    assert jobs("") == 2
    token_file.write_text("carol carol-0123456789\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("the tokens have been read again")
    assert jobs("carol-0123456789") == 0
    assert jobs("alice-0123456789") == 2
    # A file with a mistake changes nothing.
    token_file.write_text("carol\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("the tokens stay as they were")
    assert jobs("carol-0123456789") == 0
    held = refinery.folder / "token"
    held.write_text("carol-0123456789\n")
    arguments = ("jobs", "--server", server.address, "--token-file", str(held))
    assert refinery.run(*arguments).returncode == 0
    assert server.stop() == 0


def test_tokens_may_be_in_the_environment(refinery: Refinery) -> None:
    server = refinery.serve(
        "--listen", "127.0.0.1:0", REFINERY_TOKENS="alice alice-0123456789\nbob bob-0123456789abcd"
    )
    assert "tenants: alice, bob" in server.log
    assert refinery.run("jobs", "--server", server.address).returncode == 2
    done = refinery.run("jobs", "--server", server.address, REFINERY_TOKEN="bob-0123456789abcd")
    assert done.returncode == 0
    assert server.stop() == 0
