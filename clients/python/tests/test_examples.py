"""The examples of the guides: those in this client's README run, and clients/README.md shows the
programs that each client's tests run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CLIENTS = Path(__file__).resolve().parents[2]
EXAMPLES = [
    "python/examples/stream.py",
    "node/examples/stream.mjs",
    "go/examples/stream/main.go",
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_guide_shows_the_program(example: str) -> None:
    guide = (CLIENTS / "README.md").read_text()
    blocks = re.findall(r"```\w+\n(.*?)```", guide, re.DOTALL)
    assert (CLIENTS / example).read_text() in blocks


@pytest.mark.server
def test_the_guide_s_program_runs(server_address: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, CLIENTS / EXAMPLES[0]],
        cwd=tmp_path,
        env={**os.environ, "REFINERY_SERVER": server_address},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "BASE 16 of 20\n" in run.stdout
    assert "REFINER 20 of 20\n" in run.stdout
    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")


def blocks_to_run() -> list[str]:
    """Those of the README that are whole: they make their own client."""
    readme = (CLIENTS / "python" / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    return [block for block in blocks if "Client(" in block and "import" in block]


def test_the_readme_has_whole_programs() -> None:
    assert len(blocks_to_run()) >= 4


@pytest.mark.server
@pytest.mark.parametrize("block", blocks_to_run())
def test_a_program_of_the_readme_runs(
    server_address: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(block.replace("127.0.0.1:7420", server_address), {"__name__": "readme"})


def commands_to_run() -> list[str]:
    """The README's command lines, in their order: one may need what another one made."""
    readme = (CLIENTS / "python" / "README.md").read_text()
    return re.findall(r"^    (python -m refinery_client \w.*)$", readme, re.MULTILINE)


@pytest.mark.server
def test_the_command_lines_of_the_readme_run(server_address: str, tmp_path: Path) -> None:
    commands = commands_to_run()
    assert len(commands) >= 10
    for command in commands:
        run = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]],
            cwd=tmp_path,
            env={**os.environ, "REFINERY_SERVER": server_address},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{command}\n{run.stderr}"
    made = {path.name for path in tmp_path.iterdir()}
    compared = {"picture-none.png", "picture-19.png", "picture-80pct.png"}
    assert made >= {"fox.png", "picture.png", "refined.png", *compared}
