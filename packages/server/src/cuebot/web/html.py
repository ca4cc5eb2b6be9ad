"""How a page of this server looks: text and tables, no script, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final

from starlette.responses import HTMLResponse

_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}"
    "td{padding:.1rem 1rem .1rem 0}td:last-child{text-align:right;font-variant-numeric:tabular-nums}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(
    title: str, heading: str, body: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """Return a page; `body` is HTML, the title and the heading are text."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(heading)}</h1>{body}</body></html>"
    )
    return HTMLResponse(text, status, {**(headers or {}), "content-security-policy": _POLICY})
