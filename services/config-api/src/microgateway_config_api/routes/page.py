"""GET /: the page for people. Files of our own, nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)

_FOLDER: Final = files("microgateway_config_api") / "web"

#: Modules of the page; page.js begins.
_SCRIPTS: Final = frozenset(
    each.name.removesuffix(".js") for each in _FOLDER.iterdir() if each.name.endswith(".js")
)

#: The page runs its own script and asks its own server, should a name ever escape its quotes.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def _file(name: str, media_type: str) -> Response:
    return Response((_FOLDER / name).read_bytes(), media_type=media_type, headers=_HEADERS)


@router.get("/")
async def page() -> Response:
    return _file("index.html", "text/html")


@router.get("/{name}.js")
async def script(name: str) -> Response:
    if name not in _SCRIPTS:
        raise HTTPException(404)
    return _file(f"{name}.js", "text/javascript")


@router.get("/page.css")
async def style() -> Response:
    return _file("page.css", "text/css")


@router.get("/icon.svg")
async def icon() -> Response:
    return _file("icon.svg", "image/svg+xml")
