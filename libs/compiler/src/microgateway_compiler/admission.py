"""What is wrong with one object by itself, before it is stored: for admission and editors.

References are left out: what they name may come later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microgateway_common.problems import Problem, Reason, Subject
from microgateway_common.resources.content_security import ContentSecurity
from microgateway_common.resources.sidecar_gateway import SidecarGateway

from .compile.gateway import compile_gateway
from .compile.parts import Parts
from .objects import BrokenResource, CustomResource, read_object
from .resolve import resolve
from .store import Store
from .unsupported import unsupported_in_content_security


def problems_of_object(subject: Subject, raw: Mapping[str, Any]) -> tuple[Problem, ...]:
    """subject: to blame when the object has no name. Objects of other groups have no problems."""
    match read_object(subject, raw):
        case Problem() as problem:
            return (problem,)
        case BrokenResource(problems=problems):
            return problems
        case CustomResource(resource=SidecarGateway() as gateway):
            _, problems = compile_gateway(resolve(gateway, Store()), Parts())
            return tuple(each for each in problems if each.reason is not Reason.DANGLING_REFERENCE)
        case CustomResource(resource=ContentSecurity() as content_security):
            return tuple(unsupported_in_content_security(content_security))
        case CustomResource(resource=resource):
            return Parts().problems_of(resource)
        case _:
            return ()
