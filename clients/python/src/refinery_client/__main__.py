"""``python -m refinery_client "a red fox" --output fox.png``: a picture from the command line.

Exit codes: 0 done, 2 bad usage or request, 3 server unreachable, 4 failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TextIO

from . import Client, parameters
from ._address import DEFAULT_ADDRESS
from .errors import RefineryError, ServerUnreachable, Status
from .events import Accepted, Event, HandedOff, Image, Phase, Progress, Queued, Resumed

_REQUEST_AT_FAULT = {
    Status.INVALID_ARGUMENT,
    Status.NOT_FOUND,
    Status.ALREADY_EXISTS,
    Status.FAILED_PRECONDITION,
    Status.OUT_OF_RANGE,
}
_PHASE_NAMES = {
    Phase.TEXT_ENCODING: "text",
    Phase.IMAGE_ENCODING: "image",
    Phase.BASE: "base",
    Phase.REFINER: "refiner",
    Phase.DECODING: "decode",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    flags = parser.parse_args(arguments)
    output: Path = flags.output
    if not output.parent.is_dir():
        parser.error(f"--output: the folder {output.parent} does not exist")
    try:
        token = os.environ.get("REFINERY_TOKEN")
        client = Client(flags.server, token=token, reconnect=flags.reconnect)
    except ValueError as error:
        parser.error(str(error))
    lines = _Lines(sys.stderr)
    try:
        options = _options(flags)
        if flags.seed_image is not None:
            options["seed_image"] = client.upload(flags.seed_image)
        if flags.mask_image is not None:
            options["mask_image"] = client.upload(flags.mask_image)
        with (
            client,
            closing(client.generate(flags.prompt, timeout=flags.timeout, **options)) as job,
        ):
            for event in job:
                if isinstance(event, Image):
                    path = event.save(_path_of(event, output))
                    lines.keep(f"{path}: {event.width} x {event.height}, seed {event.seed}")
                lines.show(event)
    except KeyboardInterrupt:
        lines.keep("interrupted: the job is cancelled")
        return 130
    except RefineryError as error:
        lines.keep(f"error: {error}")
        if isinstance(error, ServerUnreachable):
            return 3
        return 2 if error.status in _REQUEST_AT_FAULT else 4
    except OSError as error:
        lines.keep(f"error: {error}")
        return 4
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m refinery_client",
        description="Makes a picture on a Refinery server.",
        epilog="$REFINERY_TOKEN is sent to a server that asks for a token. "
        "Exit codes: 0 done, 2 bad usage or request, 3 server unreachable, 4 failed, "
        "130 interrupted.",
    )
    parser.add_argument("prompt")
    parser.add_argument(
        "--server",
        default=os.environ.get("REFINERY_SERVER", DEFAULT_ADDRESS),
        metavar="ADDRESS",
        help=f"HOST:PORT or unix:PATH (default: $REFINERY_SERVER or {DEFAULT_ADDRESS})",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("picture.png"),
        metavar="FILE",
        help="the PNG (default: picture.png); of several pictures, FILE-1, FILE-2, ...",
    )
    parser.add_argument("--negative-prompt", metavar="TEXT")
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--width", type=int, metavar="PIXELS")
    parser.add_argument("--height", type=int, metavar="PIXELS")
    parser.add_argument("--steps", type=int, metavar="N")
    parser.add_argument("--scheduler", metavar="NAME")
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--cfg-scale", type=float, metavar="X")
    parser.add_argument("--count", type=int, metavar="N", help="how many pictures")
    parser.add_argument("--refiner", metavar="NAME", help="the model of the second stage")
    parser.add_argument("--refiner-start-step", type=int, metavar="N")
    parser.add_argument("--refiner-start-percentage", type=int, metavar="P")
    parser.add_argument(
        "--seed-image", type=_file, metavar="FILE", help="a PNG to start from, in place of noise"
    )
    parser.add_argument(
        "--mask-image",
        type=_file,
        metavar="FILE",
        help="a PNG of the same size: white is made anew, black stays",
    )
    parser.add_argument(
        "--strength", type=float, metavar="X", help="0 to 1: how far from --seed-image"
    )
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="for the whole job (default: none)"
    )
    parser.add_argument(
        "--reconnect",
        type=float,
        default=60,
        metavar="SECONDS",
        help="how long to try a server again that was lost; 0 is not at all (default: 60)",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path!r} cannot be read: {error}") from None


def _options(flags: argparse.Namespace) -> parameters.GenerateOptions:
    refiner = parameters.Refiner(
        model=flags.refiner,
        start_step=flags.refiner_start_step,
        start_step_percentage=flags.refiner_start_percentage,
    )
    return {
        "negative_prompt": flags.negative_prompt,
        "model": flags.model,
        "width": flags.width,
        "height": flags.height,
        "steps": flags.steps,
        "scheduler": flags.scheduler,
        "seed": flags.seed,
        "cfg_scale": flags.cfg_scale,
        "number_results": flags.count,
        "strength": flags.strength,
        "refiner": None if refiner == parameters.Refiner() else refiner,
    }


def _path_of(image: Image, output: Path) -> Path:
    """The output itself, or its numbered sibling where there are several pictures."""
    if image.image_count <= 1:
        return output
    return output.with_name(f"{output.stem}-{image.image_index + 1}{output.suffix}")


class _Lines:
    """What the caller sees while waiting: one line that changes on a terminal, else a line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    def show(self, event: Event) -> None:
        """The line for an event; it may be overwritten by the next one."""
        if isinstance(event, Accepted):
            for advice in event.advice:
                self.keep(f"advice: {advice}")
            experts = f"{event.base_steps} base"
            if event.refiner_steps:
                experts += f" + {event.refiner_steps} refiner"
            self.keep(f"{event.model}: {experts} steps, {event.scheduler} {event.spacing}")
        elif isinstance(event, Queued):
            self._change(f"[queue  ] {event.place} ahead")
        elif isinstance(event, Progress):
            self._change(_progress_line(event))
        elif isinstance(event, HandedOff):
            self._change(f"[handoff] the refiner takes over at step {event.handoff.step}")
        elif isinstance(event, Resumed):
            self.keep(event.reason)

    def keep(self, line: str) -> None:
        """A line that stays."""
        self._stream.write(f"{self._start}{line}\n")
        self._stream.flush()

    def _change(self, line: str) -> None:
        self._stream.write(f"{self._start}{line}" if self._is_terminal else f"{line}\n")
        self._stream.flush()

    @property
    def _start(self) -> str:
        return "\r\x1b[K" if self._is_terminal else ""


def _progress_line(progress: Progress) -> str:
    line = f"[{_PHASE_NAMES.get(progress.phase, '?'):7}] "
    if progress.phase in (Phase.BASE, Phase.REFINER):
        line += f"step {progress.step}/{progress.steps}, {progress.step_seconds:.1f} s a step, "
    line += f"{progress.elapsed_seconds:.0f} s"
    if progress.eta_seconds is not None:
        line += f", {progress.eta_seconds:.0f} s left"
    if progress.image_count > 1:
        line += f", picture {progress.image_index + 1} of {progress.image_count}"
    return line


if __name__ == "__main__":
    sys.exit(main())
