"""What a person at a terminal sees and does: pictures in it, Ctrl-C, completions."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from conftest import SECONDS, Refinery, Server, clean_environment
from test_running import LONG, SHORT, wait_for_state

QUESTION = b"\x1b[c"
SIXELS = b'\x1bP0;1q"'
KITTY = b"\x1b_Ga=T,f=100"


class TerminalProcess:
    """The executable on a terminal of its own, as the program in the foreground there."""

    def __init__(self, refinery: Refinery, *arguments: str, **environment: str) -> None:
        self.written = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(refinery.folder)
            os.execve(
                refinery.binary,
                [str(refinery.binary), *arguments],
                clean_environment() | environment,
            )
        self._status: int | None = None

    def read(self) -> bool:
        """What it writes next; False at the end."""
        try:
            piece = os.read(self.terminal, 1 << 16)
        except OSError:
            return False
        self.written += piece
        return bool(piece)

    def read_until(self, text: bytes) -> None:
        while text not in self.written:
            assert self.read(), self.written

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def wait(self) -> int:
        while self.read():
            pass
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def end(self) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.terminal)


@pytest.fixture
def server(refinery: Refinery) -> Server:
    return refinery.serve("--listen", "127.0.0.1:0")


@pytest.fixture
def run(refinery: Refinery) -> Iterator[type[TerminalProcess]]:
    started: list[TerminalProcess] = []

    class Started(TerminalProcess):
        def __init__(self, *arguments: str, **environment: str) -> None:
            started.append(self)
            names = ("TMUX", "STY", "KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL")
            others = ("KONSOLE_VERSION", "SSH_CONNECTION", "NO_COLOR")
            empty = dict.fromkeys((*names, *others), "")
            super().__init__(refinery, *arguments, **(empty | environment))

    yield Started
    for process in started:
        process.end()


# Pictures


def test_a_terminal_that_says_it_has_sixels_gets_them(run: type[TerminalProcess]) -> None:
    process = run("generate", "a fox", *SHORT, TERM="xterm-256color")
    process.read_until(QUESTION)
    process.type(b"\x1b[?62;4;22c")
    assert process.wait() == 0
    # The picture at the least; as many previews as there was time for.
    assert process.written.count(SIXELS) >= 1
    assert b"picture.png" in process.written
    # Its answer is no echo on the screen.
    assert b"62;4;22c" not in process.written


@pytest.mark.parametrize("answer", [b"\x1b[?62;22c", b""])
def test_one_that_has_none_or_says_nothing_gets_a_bar(
    run: type[TerminalProcess], answer: bytes
) -> None:
    process = run("generate", "a fox", *SHORT, TERM="xterm-256color")
    process.read_until(QUESTION)
    process.type(answer)
    assert process.wait() == 0
    assert SIXELS not in process.written
    assert "█".encode() in process.written


def test_one_that_is_known_is_not_asked(run: type[TerminalProcess]) -> None:
    process = run("generate", "a fox", *SHORT, TERM="xterm-kitty")
    assert process.wait() == 0
    assert KITTY in process.written
    assert QUESTION not in process.written


@pytest.mark.parametrize("flags", [["--preview", "off"], ["--json"]])
def test_who_wants_none_gets_none(run: type[TerminalProcess], flags: list[str]) -> None:
    process = run("generate", "a fox", *SHORT, *flags, TERM="xterm-kitty")
    assert process.wait() == 0
    assert KITTY not in process.written
    assert QUESTION not in process.written


def test_a_pipe_gets_no_pictures_whatever_is_asked(refinery: Refinery) -> None:
    done = refinery.run("generate", "a fox", *SHORT, "--preview", "kitty", TERM="xterm-kitty")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


def test_watching_shows_what_the_job_was_asked_for(
    refinery: Refinery, server: Server, run: type[TerminalProcess]
) -> None:
    done = refinery.run(
        *("generate", "a fox", *LONG, "--server", server.address, "--detach"),
        *("--request-id", "fox", "--preview-every", "1", "--preview-side", "64"),
    )
    assert done.returncode == 0, done.stderr
    process = run("watch", "fox", "--server", server.address, TERM="xterm-kitty")
    process.read_until(KITTY)
    # Watching is no part of the job.
    process.type(b"\x03")
    assert process.wait() == 130
    assert refinery.run("cancel", "fox", "--server", server.address).returncode == 0


# Interrupting


def test_ctrl_c_cancels_the_job_on_the_server(
    refinery: Refinery, server: Server, run: type[TerminalProcess]
) -> None:
    process = run(
        *("generate", "a fox", *LONG, "--server", server.address, "--request-id", "long"),
        TERM="xterm",
    )
    process.read_until(QUESTION)
    process.read_until(b"base ")
    process.type(b"\x03")
    assert process.wait() == 130
    assert b"interrupted" in process.written
    wait_for_state(refinery, server, "long", "cancelled")


def test_ctrl_c_ends_work_in_this_process_after_its_step(run: type[TerminalProcess]) -> None:
    process = run("generate", "a fox", *LONG, TERM="dumb")
    process.read_until(b"base ")
    process.type(b"\x03")
    assert process.wait() == 130
    assert b"interrupted" in process.written


def test_a_second_ctrl_c_ends_it_at_once(refinery: Refinery) -> None:
    # A step of many seconds: nobody waits for its end.
    large = ["--width", "1024", "--height", "1024", "--steps", "100", "--threads", "1"]
    process = subprocess.Popen(
        [refinery.binary, "generate", "a fox", *large],
        cwd=refinery.folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    while b"text encoded" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    # The step was not told.
    assert b"base " not in process.stdout.read()


# Completions


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(refinery: Refinery, shell: str) -> None:
    done = refinery.run("--generate-completion-script", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "preview-every" in done.stdout


def test_bash_completes_commands_flags_and_models(refinery: Refinery) -> None:
    script = refinery.run("--generate-completion-script", "bash").stdout

    def offered(line: str) -> set[str]:
        words = line.split(" ")
        done = subprocess.run(
            ["bash", "-c", f"""
{script}
refinery() {{ "{refinery.binary}" "$@"; }}
COMP_WORDS=({" ".join(repr(word) for word in words)})
COMP_CWORD={len(words) - 1} COMP_LINE='{line}' COMP_POINT={len(line)} COMP_TYPE=9
_refinery {words[0]} '{words[-1]}' '{words[-2]}'
printf '%s\\n' "${{COMPREPLY[@]}}"
"""],
            capture_output=True,
            text=True,
            cwd=refinery.folder,
            env=clean_environment() | {"PATH": f"{refinery.binary.parent}:{os.environ['PATH']}"},
            timeout=SECONDS,
        )  # fmt: skip
        return set(re.findall(r"\S+", done.stdout))

    assert "generate" in offered("refinery gen")
    assert {"--preview", "--preview-every"} <= offered("refinery generate --prev")
    assert {"kitty", "sixel"} <= offered("refinery generate --preview ")
    assert offered("refinery generate --model ") == {"emoji", "tiny-base"}
    assert "Euler-a" in offered("refinery generate --scheduler Eul")
