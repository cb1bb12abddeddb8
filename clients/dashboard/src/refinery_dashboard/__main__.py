"""The command: starts the web server and opens the page."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import os
import re
import signal
import sys
import webbrowser
from pathlib import Path

try:
    from refinery_client import AsyncClient
except ImportError:
    sys.exit("The Refinery client is missing: pip install ./clients/python")
from aiohttp import web

from .guard import LOOPBACK_NAMES
from .web import application

_TOKEN_VARIABLE = "REFINERY_TOKEN"
_SECONDS_TO_STOP = 2.0
_SECONDS_TO_ANSWER = 10.0

_EXAMPLES = """
examples:
  refinery-dashboard
  refinery-dashboard unix:/run/refinery.sock --no-open
  refinery-dashboard 127.0.0.1:7420 --listen 127.0.0.1:8080 --token-file ~/refinery-token
"""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="refinery-dashboard",
        description="Watch a Refinery server in the browser, and ask it for pictures.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "server",
        nargs="?",
        default="127.0.0.1:7420",
        help="the server, HOST:PORT or unix:PATH (default %(default)s)",
    )
    parser.add_argument(
        "--listen",
        default="127.0.0.1:7422",
        metavar="ADDRESS",
        help="where the page is, HOST:PORT on this machine; port 0 is any free one "
        "(default %(default)s)",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a further name that the page is called by, such as that of a proxy in front, which "
        "should ask for a password; may be repeated",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the token of a protected server (default: what {_TOKEN_VARIABLE} holds); the "
        "page never sees it",
    )
    parser.add_argument("--no-open", action="store_true", help="do not open the page in a browser")
    return parser


def main() -> None:
    arguments = parser().parse_args()
    try:
        host, port = loopback_address(arguments.listen)
        token = read_token(arguments.token_file)
        client = AsyncClient(arguments.server, token=token, reconnect=0, timeout=_SECONDS_TO_ANSWER)
    except (ValueError, OSError) as error:
        parser().error(str(error))
    names = LOOPBACK_NAMES | {name.lower() for name in arguments.name}
    app = application(client, arguments.server, names)
    try:
        asyncio.run(serve(app, host, port, opens=not arguments.no_open))
    except OSError as error:
        sys.exit(f"refinery-dashboard: cannot listen on {arguments.listen}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)


def loopback_address(text: str) -> tuple[str, int]:
    """Raises ValueError for what is no address, or can be reached from other machines."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\[\]]+):([0-9]{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise ValueError(f"--listen {text}: give HOST:PORT, such as 127.0.0.1:7422")
    host = match[1].strip("[]")
    is_loopback = host == "localhost"
    with contextlib.suppress(ValueError):
        is_loopback = is_loopback or ipaddress.ip_address(host).is_loopback
    if not is_loopback:
        raise ValueError(
            f"--listen {text} can be reached from other machines, and the page asks for no "
            "password. Listen on 127.0.0.1, and let others in by ssh -L or by a proxy with a "
            "password (--name gives its name)"
        )
    return host, int(match[2])


def read_token(path: Path | None) -> str | None:
    """The first line of the file, or what the environment holds; None without either."""
    if path is None:
        return os.environ.get(_TOKEN_VARIABLE) or None
    lines = path.expanduser().read_text().splitlines()
    if not lines or not lines[0].strip():
        raise ValueError(f"--token-file {path}: there is no token in it")
    return lines[0].strip()


async def serve(app: web.Application, host: str, port: int, *, opens: bool) -> None:
    """Until SIGINT or SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SECONDS_TO_STOP)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        port = runner.addresses[0][1]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        print(f"The dashboard is at {url}", flush=True)
        if opens:
            await asyncio.to_thread(webbrowser.open, url)
        await ended.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
