"""What can be asked on the command line. ``options.py`` makes it the library's arguments."""

from __future__ import annotations

import argparse
import os
import textwrap
from pathlib import Path

from .. import parameters
from .._address import DEFAULT_ADDRESS
from ..events import JobState
from ..parameters import Branch, PausePoint, Refiner
from .options import OUTCOMES, TOKEN_VARIABLE, USUAL_PERCENTAGE

_JOB_CANCELLED = "interrupted: the job is cancelled"
_JOB_GOES_ON = "interrupted: the job goes on"


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m refinery_client",
        description="Asks a Refinery server for pictures, and looks after its jobs.",
        epilog=_examples(
            """
            python -m refinery_client generate "a red fox" --steps 20 --output fox.png
            python -m refinery_client watch
            python -m refinery_client COMMAND --help
            """
        )
        + "\n\nExit codes: 0 done, 2 bad usage or request, 3 server unreachable, 4 failed, "
        "130 interrupted.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = whole.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, help: str, interrupted: str, examples: str, about: str = ""
    ) -> argparse.ArgumentParser:
        made = subparsers.add_parser(
            name,
            help=help,
            description=help,
            usage=f"%(prog)s [OPTION ...] {about}".rstrip(),
            epilog=_examples(examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_server_flags(made)
        made.set_defaults(command=name, interrupted=interrupted)
        return made

    made = command(
        "generate",
        "Makes a picture.",
        _JOB_CANCELLED,
        """
        %(prog)s "a lighthouse at dawn" --steps 40 --seed 7 --output dawn.png
        %(prog)s "a red fox" --refiner emoji-refiner --refiner-start-percentage 90
        %(prog)s "the same, in oil" --seed-image fox.png --strength 0.5
        %(prog)s "a red fox" --steps 40 --pause-at 30 --request-id fox
        %(prog)s "a red fox" --detach --request-id fox --priority 5
        """,
        "PROMPT",
    )
    made.add_argument("prompt", metavar="PROMPT", help="what the picture shows")
    _add_picture_flags(made)
    _add_job_flags(made)
    _add_pause_flag(made)
    _add_output_flag(made, "the PNG (default: %(default)s); of several pictures, FILE-1, FILE-2")
    _add_detach_flag(made)

    made = command(
        "compare",
        "Makes the same picture with several endings; the base's steps are run once.",
        _JOB_CANCELLED,
        """
        %(prog)s "a red fox" --refiner emoji-refiner --seed 7
        %(prog)s "a red fox" --refiner emoji-refiner --steps 40 --handoffs none,39,37,35,33
        %(prog)s "a red fox" --refiner emoji-refiner --handoffs 80%%,85%%,90%% --output fox.png
        """,
        "PROMPT",
    )
    made.add_argument("prompt", metavar="PROMPT", help="what the picture shows")
    made.add_argument(
        "--handoffs",
        type=_handoffs,
        metavar="LIST",
        help="the endings: the refiner's first step, the base's share of the steps, and none for "
        "the base alone, such as none,37,90%%. Unless given: none, and the refiner as the other "
        f"flags have it, from {USUAL_PERCENTAGE} %%",
    )
    _add_picture_flags(made)
    _add_job_flags(made)
    _add_output_flag(made, "the PNGs: FILE-none, FILE-37, FILE-90pct (default: %(default)s)")

    made = command(
        "watch",
        "Follows a job to its end, or all jobs, a line for each change, until interrupted.",
        _JOB_GOES_ON,
        """
        %(prog)s
        %(prog)s fox --output fox.png
        """,
        "[JOB]",
    )
    made.add_argument("job", metavar="JOB", nargs="?", help="its id (default: all jobs)")
    _add_output_flag(made, "write the job's pictures, as generate does", default=None)

    made = command(
        "jobs",
        "Lists jobs, the newest first.",
        "interrupted",
        """
        %(prog)s
        %(prog)s --state queued --state running
        """,
    )
    states = [state.name.lower() for state in JobState if state]
    made.add_argument(
        "--state",
        action="append",
        default=[],
        choices=states,
        metavar="STATE",
        help=f"only these: {', '.join(states)}; may be repeated",
    )
    made.add_argument("--model", metavar="NAME", help="only those of this base model or refiner")
    made.add_argument("--all", action="store_true", help="not only the newest hundred")

    made = command(
        "cancel",
        "Ends a job, without a picture or with what there is.",
        "interrupted",
        """
        %(prog)s fox
        %(prog)s fox --outcome decode
        """,
        "JOB",
    )
    made.add_argument("job", metavar="JOB", help="its id")
    made.add_argument(
        "--outcome",
        choices=list(OUTCOMES),
        default="discard",
        help="discard: no picture. decode: the picture as it is predicted now. refiner: the "
        "refiner takes over now. (default: %(default)s)",
    )

    made = command(
        "resume",
        "Goes on from a paused job, as it was or with another refiner. The paused one stays.",
        _JOB_GOES_ON,
        """
        %(prog)s fox --output fox.png
        %(prog)s fox --refiner emoji-refiner --refiner-start-step 37 --output refined.png
        %(prog)s fox --no-refiner --output plain.png
        """,
        "JOB",
    )
    made.add_argument("job", metavar="JOB", help="the paused job's id")
    _add_refiner_flags(made)
    made.add_argument("--refiner-cfg-scale", type=float, metavar="X", help="its guidance")
    made.add_argument("--refiner-prompt", metavar="TEXT", help="its own prompt")
    made.add_argument("--refiner-negative-prompt", metavar="TEXT")
    made.add_argument("--no-refiner", action="store_true", help="the base ends the picture alone")
    _add_job_flags(made)
    _add_pause_flag(made)
    _add_output_flag(made, "the PNG (default: %(default)s)")
    _add_detach_flag(made)

    made = command(
        "image",
        "Fetches a finished picture.",
        "interrupted",
        """
        %(prog)s fox --output fox.png
        %(prog)s fox --index 2
        """,
        "JOB",
    )
    made.add_argument("job", metavar="JOB", help="its id")
    made.add_argument("--index", type=int, default=0, metavar="N", help="of several (default: 0)")
    _add_output_flag(made, "the PNG (default: %(default)s)")

    command(
        "models",
        "Lists the server's models with what was found in each file.",
        "interrupted",
        "%(prog)s",
    )
    return whole


def _examples(text: str) -> str:
    return "examples:\n" + textwrap.indent(textwrap.dedent(text).strip(), "  ")


def _add_server_flags(parser: argparse.ArgumentParser) -> None:
    to = parser.add_argument_group("server")
    to.add_argument(
        "--server",
        default=os.environ.get("REFINERY_SERVER", DEFAULT_ADDRESS),
        metavar="ADDRESS",
        help=f"HOST:PORT or unix:PATH (default: $REFINERY_SERVER or {DEFAULT_ADDRESS})",
    )
    to.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the token for the server (default: what ${TOKEN_VARIABLE} holds)",
    )
    to.add_argument(
        "--reconnect",
        type=float,
        default=60,
        metavar="SECONDS",
        help="how long to try a server again that was lost; 0 is not at all (default: 60)",
    )
    to.add_argument(
        "--retry",
        type=float,
        default=0,
        metavar="SECONDS",
        help="how long to ask again what the server refuses for now, such as when its queue is "
        "full, as late as it says (default: not at all)",
    )


def _add_picture_flags(to: argparse.ArgumentParser) -> None:
    to.add_argument("--negative-prompt", metavar="TEXT")
    to.add_argument("--model", metavar="NAME")
    to.add_argument("--width", type=int, metavar="PIXELS")
    to.add_argument("--height", type=int, metavar="PIXELS")
    to.add_argument("--steps", type=int, metavar="N")
    to.add_argument("--scheduler", metavar="NAME")
    to.add_argument("--seed", type=int, metavar="N")
    to.add_argument("--cfg-scale", type=float, metavar="X")
    to.add_argument("--count", type=int, metavar="N", help="how many pictures")
    _add_refiner_flags(to)
    to.add_argument(
        "--lora",
        action="append",
        type=_lora,
        default=[],
        metavar="NAME[:WEIGHT]",
        help="for the base, -4 to 4; may be repeated",
    )
    to.add_argument(
        "--seed-image", type=_file, metavar="FILE", help="a PNG to start from, in place of noise"
    )
    to.add_argument(
        "--mask-image",
        type=_file,
        metavar="FILE",
        help="a PNG of the same size: white is made anew, black stays",
    )
    to.add_argument("--strength", type=float, metavar="X", help="0 to 1: how far from --seed-image")
    to.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="for the whole job (default: none)"
    )


def _add_refiner_flags(to: argparse.ArgumentParser) -> None:
    to.add_argument("--refiner", metavar="NAME", help="the model of the second stage")
    to.add_argument("--refiner-start-step", type=int, metavar="N", help="its first step")
    to.add_argument(
        "--refiner-start-percentage",
        type=int,
        metavar="P",
        help="the base's share of the steps, 1 to 99",
    )


def _add_job_flags(to: argparse.ArgumentParser) -> None:
    to.add_argument("--request-id", metavar="ID", help="a name of your own for the job")
    to.add_argument("--priority", type=int, metavar="N", help="-10 to 10: higher is sooner")
    to.add_argument(
        "--deadline", type=_seconds, metavar="SECONDS", help="after which the job ends, done or not"
    )


def _add_pause_flag(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--pause-at",
        type=_pause_point,
        metavar="POINT",
        help="stop there with a preview, for resume: so many steps, or handoff",
    )


def _add_output_flag(
    to: argparse.ArgumentParser, help: str, default: str | None = "picture.png"
) -> None:
    to.add_argument("--output", "-o", type=_output, default=default, metavar="FILE", help=help)


def _add_detach_flag(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--detach", action="store_true", help="only hand the job in: see watch, image and cancel"
    )


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


def _output(path: str) -> Path:
    output = Path(path)
    if not output.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {output.parent} does not exist")
    return output


def _lora(text: str) -> parameters.Lora:
    """A name may have colons in it, as ``civitai:101055@128078`` has."""
    name, _, weight = text.rpartition(":")
    try:
        return parameters.Lora(name, float(weight)) if name else parameters.Lora(text)
    except ValueError:
        return parameters.Lora(text)


def _pause_point(text: str) -> PausePoint:
    if text == "handoff":
        return PausePoint.HANDOFF
    try:
        return PausePoint.step(int(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps, nor handoff") from None


def _handoffs(text: str) -> dict[str, Branch]:
    """``none,37,90%``, by what the pictures' files are called."""
    endings: dict[str, Branch] = {}
    for part in text.split(","):
        number = part.strip().removesuffix("%")
        if number == "none":
            endings["none"] = Branch()
        elif not number.isdecimal():
            raise argparse.ArgumentTypeError(f"{part!r} is no step, no percentage, and not none")
        elif part.strip().endswith("%"):
            refiner = Refiner(start_step_percentage=int(number))
            endings[f"{number}pct"] = Branch(refiner)
        else:
            endings[number] = Branch(Refiner(start_step=int(number)))
    if len(endings) < 2:
        raise argparse.ArgumentTypeError("one ending cannot be compared: give two or more")
    return endings
