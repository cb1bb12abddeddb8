"""Keeps out what the dashboard is not for. It listens where every page in the same browser can send
requests to, and has no password: so it answers only to its own names (DNS rebinding), and only to
its own pages (cross-site requests)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_SAFE_METHODS = ("GET", "HEAD")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def guard(names: Collection[str]) -> Middleware:
    """``names`` are the hosts, without a port, that the dashboard is called by."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (reason := objection(request, names)) is not None:
            raise web.HTTPForbidden(text=f"{reason}\n")
        return await handler(request)

    return middleware


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """To be called for every answer, refusals too."""
    response.headers.update(HEADERS)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers.pop(hdrs.SERVER, None)


def objection(request: web.Request, names: Collection[str]) -> str | None:
    """Why the request is refused; None when it is not."""
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 or _name(hosts[0]) not in names:
        return "This is no name of the dashboard's: open it as localhost, or allow it with --name."
    origin = request.headers.get(hdrs.ORIGIN)
    # A proxy with a certificate in front makes it https.
    if origin is not None and origin.partition("://")[2] != hosts[0]:
        return "Pages of other origins may not ask the dashboard for anything."
    # A link from elsewhere may open the page, which is the same whoever asks.
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none") and not _is_visit(request):
        return "Other sites may not ask the dashboard for anything."
    if request.method not in _SAFE_METHODS and origin is None:
        return "A request that changes something needs the header Origin."
    return None


def _name(host: str) -> str:
    """Without the port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _is_visit(request: web.Request) -> bool:
    """Whether the browser goes to the page, rather than another page fetching something."""
    is_navigation = request.headers.get("Sec-Fetch-Mode") == "navigate"
    return is_navigation and request.method in _SAFE_METHODS and request.path == "/"
