"""The command line: ``flags.py`` reads what is asked, ``commands.py`` does it, ``lines.py`` tells.

Exit codes: 0 done, 2 bad usage or request, 3 server unreachable, 4 failed, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .. import Client
from ..errors import RefineryError, Status, Unavailable
from .commands import COMMANDS
from .flags import parser
from .lines import Lines
from .options import UsageError, token

_REQUEST_AT_FAULT = {
    Status.INVALID_ARGUMENT,
    Status.NOT_FOUND,
    Status.ALREADY_EXISTS,
    Status.PERMISSION_DENIED,
    Status.FAILED_PRECONDITION,
    Status.OUT_OF_RANGE,
    Status.UNIMPLEMENTED,
    Status.UNAUTHENTICATED,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments ask; returns the exit code. Raises SystemExit for ``--help`` and for
    arguments that make no sense."""
    lines = Lines(sys.stderr)
    interrupted = "interrupted"
    try:
        parsed = parser()
        flags = parsed.parse_args(arguments)
        try:
            client = Client(
                flags.server, token=token(flags), reconnect=flags.reconnect, retry=flags.retry
            )
        except ValueError as error:
            parsed.error(str(error))
        if not getattr(flags, "detach", False):
            interrupted = flags.interrupted
        with client:
            COMMANDS[flags.command](client, flags, lines)
    except KeyboardInterrupt:
        lines.keep(interrupted)
        return 130
    except UsageError as error:
        lines.keep(f"error: {error}")
        return 2
    except RefineryError as error:
        lines.keep(f"error: {error}")
        if isinstance(error, Unavailable):
            return 3
        return 2 if error.status in _REQUEST_AT_FAULT else 4
    except BrokenPipeError:
        # Whoever read has heard enough. What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 4
    except OSError as error:
        lines.keep(f"error: {error}")
        return 4
    return 0
