"""What each command does with a client."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import islice
from pathlib import Path

from .. import Client
from ..events import Event, Image, JobState
from ..parameters import GenerateOptions, PictureOptions
from . import options as given
from .lines import Lines, job_lines, line_of_any_job, model_lines

_JOBS_SHOWN = 100


def generate(client: Client, flags: Namespace, lines: Lines) -> None:
    options: GenerateOptions = {
        **_uploaded(client, flags, given.picture_options(flags)),
        "branches": None,
        "pause_at": flags.pause_at,
    }
    if not flags.detach:
        events = client.generate(flags.prompt, timeout=flags.timeout, **options)
        _show(events, lines, lambda image: _numbered(flags.output, image))
        return
    if flags.timeout is not None:
        raise given.UsageError("--timeout is for waiting; with --detach give --deadline")
    _print(job_lines(client.submit(flags.prompt, **options)))


def compare(client: Client, flags: Namespace, lines: Lines) -> None:
    shared, endings = given.endings(flags)
    names = list(endings)
    pictures: PictureOptions = {**given.picture_options(flags), "refiner": shared}
    options: GenerateOptions = {
        **_uploaded(client, flags, pictures),
        "branches": tuple(endings.values()),
        "pause_at": None,
    }

    def path(image: Image) -> Path:
        output: Path = flags.output
        name = f"{output.stem}-{names[image.branch or 0]}"
        if image.image_count > len(names):
            name += f"-{image.image_index // len(names) + 1}"
        return output.with_name(name + output.suffix)

    _show(client.generate(flags.prompt, timeout=flags.timeout, **options), lines, path)


def watch(client: Client, flags: Namespace, lines: Lines) -> None:
    if flags.job is not None:
        _watch(client, flags.job, flags.output, lines)
        return
    if flags.output is not None:
        raise given.UsageError("--output is for the pictures of one job: name it")
    with closing(client.watch_all()) as events:
        for event in events:
            if (line := line_of_any_job(event)) is not None:
                _print([line])


def jobs(client: Client, flags: Namespace, lines: Lines) -> None:
    states = [JobState[name.upper()] for name in flags.state]
    with closing(client.jobs(states=states, model=flags.model)) as found:
        for job in found if flags.all else islice(found, _JOBS_SHOWN):
            _print(job_lines(job))


def cancel(client: Client, flags: Namespace, lines: Lines) -> None:
    _print(job_lines(client.cancel(flags.job, given.outcome(flags))))


def resume(client: Client, flags: Namespace, lines: Lines) -> None:
    job = client.resume(flags.job, **given.resume_options(flags))
    if flags.detach:
        _print(job_lines(job))
    else:
        lines.keep(f"the job is {job.id}")
        _watch(client, job.id, flags.output, lines)


def image(client: Client, flags: Namespace, lines: Lines) -> None:
    png = client.read_image(flags.job, flags.index)
    flags.output.write_bytes(png)
    lines.keep(f"{flags.output}: {len(png)} bytes")


def models(client: Client, flags: Namespace, lines: Lines) -> None:
    _print(model_lines(client.models()))


COMMANDS: dict[str, Callable[[Client, Namespace, Lines], None]] = {
    command.__name__: command
    for command in (generate, compare, watch, jobs, cancel, resume, image, models)
}


def _uploaded(client: Client, flags: Namespace, options: PictureOptions) -> PictureOptions:
    """With the names of the pictures to start from, which go up to the server."""
    if flags.seed_image is not None:
        options["seed_image"] = client.upload(flags.seed_image)
    if flags.mask_image is not None:
        options["mask_image"] = client.upload(flags.mask_image)
    return options


def _watch(client: Client, job_id: str, output: Path | None, lines: Lines) -> None:
    _show(client.watch(job_id), lines, lambda image: output and _numbered(output, image))


def _show(
    events: Generator[Event, None, None], lines: Lines, path: Callable[[Image], Path | None]
) -> None:
    """Tells a job's events, and writes its pictures to where ``path`` says, if anywhere."""
    with closing(events):
        for event in events:
            if isinstance(event, Image):
                target = path(event)
                lines.keep_image(event, None if target is None else event.save(target))
            lines.show(event)


def _numbered(output: Path, image: Image) -> Path:
    """The output itself, or its numbered sibling where there are several pictures."""
    if image.image_count <= 1:
        return output
    return output.with_name(f"{output.stem}-{image.image_index + 1}{output.suffix}")


def _print(lines: list[str]) -> None:
    """On standard output, at once: somebody may read along."""
    for line in lines:
        print(line, flush=True)
