"""Write docs/headers.md: the headers that the built-in switches of HeaderRewrites mean."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from microgateway_common.generated import write_or_check
from microgateway_common.ir.header_rewrites import HeaderAddition, HeaderGroup
from microgateway_common.ir.matching import AnyString, HeaderMatch, StringMatch
from microgateway_common.ir.templates import Text
from microgateway_common.managed_headers import MANAGED_HEADERS
from microgateway_common.resources import header_rewrites as crd
from microgateway_compiler.compile import headers

ROOT: Final = Path(__file__).resolve().parent.parent
FILE: Final = ROOT / "docs/headers.md"


class _List(NamedTuple):
    """A switch: its field, its default, what it means."""

    field: str
    is_on: bool
    group: HeaderGroup


def main() -> int:
    return write_or_check({FILE: page()}, __doc__ or "", ROOT)


def page() -> str:
    request = crd.MatchingRequestHeaders()
    response = crd.MatchingResponseHeaders()
    removals, leaks = crd.BuiltInResponseRemovals(), crd.BuiltInResponseRemovals().information_leakage
    auth = removals.auth
    return f"""# Built-in lists of header rewrites

Written by `python scripts/generate_headers.py`; do not edit. The lists are our own: the names of the IANA
HTTP Field Name Registry and of browsers' standards that applications need, and what common products add. The
order is: drop what is not allowed, remove, add. Names compare without case.

These belong to the gateway, and no rewrite sees or writes them: {_names(sorted(MANAGED_HEADERS))}.

## Requests that go to the application

{_lists((
    _List("request.allow.matchingHeaders.builtIn.standardHeaders", request.built_in.standard_headers,
          headers.STANDARD_REQUEST_HEADERS),
    _List("request.allow.matchingHeaders.builtIn.tracingHeaders", request.built_in.tracing_headers,
          headers.TRACING_HEADERS),
    _List("request.remove.builtIn.alternativeForwardedHeaders",
          crd.BuiltInRequestRemovals().alternative_forwarded_headers,
          headers.ALTERNATIVE_FORWARDED_HEADERS),
))}

## Responses that go to the client

{_lists((
    _List("response.allow.matchingHeaders.builtIn.standardHeaders", response.built_in.standard_headers,
          headers.STANDARD_RESPONSE_HEADERS),
    _List("response.remove.builtIn.auth.basic", auth.basic, headers.AUTH_BASIC),
    _List("response.remove.builtIn.auth.negotiate", auth.negotiate, headers.AUTH_NEGOTIATE),
    _List("response.remove.builtIn.auth.ntlm", auth.ntlm, headers.AUTH_NTLM),
    _List("response.remove.builtIn.informationLeakage.server", leaks.server, headers.SERVER_LEAKAGE),
    _List("response.remove.builtIn.informationLeakage.application", leaks.application,
          headers.APPLICATION_LEAKAGE),
    _List("response.remove.builtIn.permissiveCors", removals.permissive_cors, headers.PERMISSIVE_CORS),
))}

### Added when the application did not set them

| `response.add.builtIn` | default | header | value |
|---|---|---|---|
{_additions()}
"""  # fmt: skip


def _lists(lists: Iterable[_List]) -> str:
    return "\n\n".join(
        f"### `{each.field}`\n\nDefault: {_on(each.is_on)}\n\n{_matches(each.group.headers)}"
        for each in lists
    )


def _matches(matches: tuple[HeaderMatch, ...]) -> str:
    if all(isinstance(each.value, AnyString) for each in matches):
        return f"{_names(_text(each.name) for each in matches)}"
    return "\n".join(
        f"- `{_text(each.name)}` {'that is' if type(each.value).__name__ == 'Exact' else 'that begins with'} "
        f"`{_text(each.value)}`"
        for each in matches
    )


def _additions() -> str:
    defaults = crd.BuiltInResponseAdditions()
    rows = (
        ("hsts", defaults.hsts, headers.HSTS),
        ("hstsPreload", defaults.hsts_preload, headers.HSTS_PRELOAD),
        ("csp", defaults.csp, headers.CSP),
        ("permissionsPolicy", defaults.permissions_policy, headers.PERMISSIONS_POLICY),
        ("featurePolicy", defaults.feature_policy, headers.FEATURE_POLICY),
        ("referrerPolicy", defaults.referrer_policy, headers.REFERRER_POLICY),
        ("xContentTypeOptions", defaults.x_content_type_options, headers.X_CONTENT_TYPE_OPTIONS),
        ("xFrameOptions", defaults.x_frame_options, headers.X_FRAME_OPTIONS),
    )
    return "\n".join(f"| `{name}` | {_on(is_on)} | {_added(addition)} |" for name, is_on, addition in rows)


def _added(addition: HeaderAddition) -> str:
    (header,) = addition.headers
    value = "".join(part.value for part in header.value if isinstance(part, Text))
    return f"`{header.name}` | `{value}`"


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _text(match: StringMatch) -> str:
    assert not isinstance(match, AnyString)
    return match.value


if __name__ == "__main__":
    sys.exit(main())
