"""The calls about jobs that are there: how their requests are written and their answers read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ._calls import Method
from ._messages import (
    GENERATE,
    error_of_job,
    event_of,
    is_complete,
    optional,
    phase_of,
    set_options,
    size_of,
    state_of,
)
from ._proto import refinery_pb2
from .errors import ProtocolError, protocol_error
from .events import Event, JobState
from .jobs import ImageChunk, Job, Outcome
from .parameters import ResumeOptions


def watch_request(job_id: str, after_sequence: int) -> bytes:
    if not job_id:
        raise ValueError("job_id is empty: watch_all() follows all jobs")
    return refinery_pb2.WatchRequest(
        job_id=job_id, after_sequence=after_sequence
    ).SerializeToString()


def job_reference(job_id: str) -> bytes:
    return refinery_pb2.JobReference(job_id=job_id).SerializeToString()


def list_request(states: Iterable[JobState], model: str | None, page_token: str) -> bytes:
    return refinery_pb2.ListJobsRequest(
        states=[refinery_pb2.Job.State.Name(state) for state in states],
        model=model or "",
        page_token=page_token,
    ).SerializeToString()


def cancel_request(job_id: str, outcome: Outcome) -> bytes:
    return refinery_pb2.CancelJobRequest(
        job_id=job_id, outcome=refinery_pb2.CancelJobRequest.Outcome.Name(outcome)
    ).SerializeToString()


def resume_request(job_id: str, options: ResumeOptions) -> bytes:
    """Raises as ``generate_request`` does."""
    message = refinery_pb2.ResumeJobRequest(job_id=job_id)
    set_options(message, options, ResumeOptions, "resume")
    return message.SerializeToString()


def read_request(job_id: str, image_index: int, offset: int, byte_count: int) -> bytes:
    return refinery_pb2.ReadImageRequest(
        job_id=job_id, image_index=image_index, offset=offset, byte_count=byte_count
    ).SerializeToString()


class Reading:
    """A PNG that arrives in pieces, and is checked when it is whole."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def offset(self) -> int:
        """Where the next piece begins."""
        return len(self._data)

    def take(self, chunk: ImageChunk) -> bytes | None:
        """The file, once it is whole. Raises ProtocolError for pieces that do not make one."""
        if chunk.offset != len(self._data) or not chunk.data:
            raise _broken(f"byte {len(self._data)} was asked for, and byte {chunk.offset} came")
        self._data += chunk.data
        if len(self._data) < chunk.byte_count:
            return None
        png = bytes(self._data)
        if len(png) > chunk.byte_count or hashlib.sha256(png).digest() != chunk.sha256:
            raise _broken("its SHA-256 is not the one announced")
        return png


def _broken(what: str) -> ProtocolError:
    return protocol_error(f"the picture did not arrive as it is on the server: {what}. Try again")


def job_of(job: refinery_pb2.Job) -> Job:
    return Job(
        id=job.id,
        state=state_of(job.state),
        place=job.place if job.HasField("place") else None,
        phase=phase_of(job.phase),
        image_index=job.image_index,
        image_count=job.image_count,
        step=job.step,
        base_steps=job.base_steps,
        refiner_steps=job.refiner_steps,
        eta_seconds=optional(job, "eta_seconds"),
        model=job.model,
        refiner_model=job.refiner_model or None,
        size=size_of(job.size),
        created_ms=job.created_ms,
        ended_ms=job.ended_ms or None,
        sequence=job.sequence,
        error=error_of_job(job.error) if job.HasField("error") else None,
        resumes=job.resumes or None,
    )


def _job(data: bytes) -> Job:
    return job_of(refinery_pb2.Job.FromString(data))


def _jobs(data: bytes) -> tuple[list[Job], str]:
    reply = refinery_pb2.ListJobsResponse.FromString(data)
    return [job_of(job) for job in reply.jobs], reply.next_page_token


def _chunk(data: bytes) -> ImageChunk:
    chunk = refinery_pb2.ImageChunk.FromString(data)
    return ImageChunk(
        data=chunk.data, offset=chunk.offset, byte_count=chunk.byte_count, sha256=chunk.sha256
    )


_SERVICE = GENERATE.service
SUBMIT = Method(_SERVICE, "Submit", streams=False, decode=_job)
WATCH: Method[Event] = Method(
    _SERVICE, "Watch", streams=True, decode=event_of, completes=is_complete
)
# After a sequence number there may be nothing left to tell.
WATCH_REST: Method[Event] = Method(
    _SERVICE, "Watch", streams=True, decode=event_of, may_be_empty=True
)
WATCH_ALL_REQUEST = refinery_pb2.WatchRequest().SerializeToString()
GET_JOB = Method(_SERVICE, "GetJob", streams=False, decode=_job)
LIST_JOBS = Method(_SERVICE, "ListJobs", streams=False, decode=_jobs)
CANCEL_JOB = Method(_SERVICE, "CancelJob", streams=False, decode=_job)
RESUME_JOB = Method(_SERVICE, "ResumeJob", streams=False, decode=_job)
READ_IMAGE = Method(_SERVICE, "ReadImage", streams=False, decode=_chunk)
