"""A job as it runs, in a cell of a notebook: a bar in two colours, one for each expert, the latest
preview, and the pictures.

    from refinery_client.notebook import show

    image = show(client.generate("a red fox", steps=20, preview_every=1))

IPython is used where it is there, and not needed otherwise.
"""

from __future__ import annotations

import base64
import html
from collections.abc import AsyncIterable, Iterable
from typing import Any

from .events import Accepted, BranchPlan, Event, Image, Phase, Progress, Queued, Resumed

_BASE_COLOUR = "#3b6fb6"
_REFINER_COLOUR = "#e0873a"
_BAR = "display:inline-block;height:0.8em;vertical-align:middle;"
_SAID = {
    Phase.TEXT_ENCODING: "encoding the text",
    Phase.IMAGE_ENCODING: "encoding the picture",
    Phase.BASE: "base",
    Phase.REFINER: "refiner",
    Phase.DECODING: "decoding",
}


class JobView:
    """What a cell shows of a job. ``take`` its events; a notebook shows the view by itself."""

    def __init__(self) -> None:
        self.images: list[Image] = []
        self._accepted: Accepted | None = None
        self._progress: Progress | None = None
        self._preview: Progress | None = None
        self._line = "asking"

    def take(self, event: Event) -> None:
        if isinstance(event, Accepted):
            self._accepted = event
            self._line = "accepted"
        elif isinstance(event, Queued):
            self._line = f"waiting, {event.place} ahead"
        elif isinstance(event, Resumed):
            self._line = event.reason
        elif isinstance(event, Progress):
            self._progress = event
            self._line = _line_of(event)
            if event.preview is not None:
                self._preview = event
        elif isinstance(event, Image):
            self.images.append(event)
            # The picture takes its place.
            self._preview = None
            if event.paused_step is not None:
                self._line = f"paused after step {event.paused_step}"
            elif event.summary is not None:
                self._line = f"done in {event.summary.total_seconds:.1f} s"

    def _repr_html_(self) -> str:
        parts = [f"<div>{self._bar()} {html.escape(self._line)}</div>"]
        for image in self.images:
            data = base64.b64encode(image.png).decode()
            parts.append(
                f'<img width="{image.width}" height="{image.height}" '
                f'title="{_title_of(image)}" src="data:image/png;base64,{data}">'
            )
        if self._preview is not None:
            parts.append(self._img_of(self._preview))
        return "\n".join(parts)

    def _img_of(self, progress: Progress) -> str:
        """The preview, as large as the picture will be, so that nothing jumps when that comes."""
        data = base64.b64encode(progress.preview or b"").decode()
        size = self._accepted.size if self._accepted else None
        sides = f'width="{size.width}" height="{size.height}" ' if size else ""
        return (
            f'<img {sides}title="as foreseen after step {progress.preview_step}" '
            f'src="data:image/png;base64,{data}">'
        )

    def _bar(self) -> str:
        """Each expert's share of the steps, as far as it has come."""
        if self._accepted is None:
            return ""
        done = self._progress.step if self._progress else 0
        ending = self._ending(self._accepted)
        base, refiner = ending.base_steps, ending.refiner_steps
        return "".join(
            f'<span style="{_BAR}width:{240 * count / (base + refiner):.0f}px;'
            f"background:linear-gradient(to right,{colour} {100 * share:.0f}%,#8884 0)"
            f'"></span>'
            for count, share, colour in (
                (base, min(1, done / max(1, base)), _BASE_COLOUR),
                (refiner, max(0, done - base) / max(1, refiner), _REFINER_COLOUR),
            )
            if count
        )

    def _ending(self, accepted: Accepted) -> Accepted | BranchPlan:
        """Who ends the image under way, and with how many steps."""
        branch = self._progress.branch if self._progress else None
        return next((plan for plan in accepted.branches if plan.index == branch), accepted)


def show(events: Iterable[Event]) -> Image:
    """Shows a job's events as they come; returns the last picture."""
    display = _Display()
    for event in events:
        display.take(event)
    return display.image()


async def show_async(events: AsyncIterable[Event]) -> Image:
    """Likewise of ``AsyncClient``."""
    display = _Display()
    async for event in events:
        display.take(event)
    return display.image()


class _Display:
    """A view on the cell's output, if there is one."""

    def __init__(self) -> None:
        self._view = JobView()
        self._handle: Any = None
        try:
            from IPython import get_ipython
            from IPython.display import display
        except ImportError:
            return
        if get_ipython() is not None:
            self._handle = display(self._view, display_id=True)

    def take(self, event: Event) -> None:
        self._view.take(event)
        if self._handle is not None:
            self._handle.update(self._view)

    def image(self) -> Image:
        if not self._view.images:
            raise ValueError("the events ended without a picture: were there any left?")
        return self._view.images[-1]


def _title_of(image: Image) -> str:
    title = f"seed {image.seed}"
    return title if image.branch is None else f"{title}, branch {image.branch + 1}"


def _line_of(progress: Progress) -> str:
    line = _SAID.get(progress.phase, "working")
    if progress.phase in (Phase.BASE, Phase.REFINER):
        line += f", step {progress.step} of {progress.steps}"
    if progress.eta_seconds is not None:
        line += f", {progress.eta_seconds:.0f} s left"
    return line
