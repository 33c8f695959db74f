"""POST /validate-v1-pod and /validate-v1alpha1: whether an object may be stored."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter

from microgateway_common.problems import ObjectRef, Problem
from microgateway_webhook.cluster import ClusterError
from microgateway_webhook.context import Context, InContext
from microgateway_webhook.review import (
    AdmissionRequest,
    AdmissionReview,
    Answer,
    allowed,
    invalid,
    warning_of,
)
from microgateway_webhook.validation.pod import check_pod
from microgateway_webhook.validation.references import nothing_there, references
from microgateway_webhook.validation.resource import Verdict, check_resource

logger = logging.getLogger(__name__)

POD_PATH = "/validate-v1-pod"
RESOURCE_PATH = "/validate-v1alpha1"

router = APIRouter(tags=["admission"])

#: Of one object that are looked up; 16 applications of 128 routes could have more.
_MAX_LOOKUPS = 32


@router.post(POD_PATH, summary="What the gateway relies on holds in a pod")
async def validate_pod(review: AdmissionReview, context: InContext) -> Answer:
    request = review.request
    if request.object is None or context.template.excludes(request.namespace):
        return allowed(request)
    ref = _ref(request, "Pod")
    return _answer(context, request, ref, check_pod(ref, request.object, request.old_object), ())


@router.post(RESOURCE_PATH, summary="A resource is one that the compiler accepts")
async def validate_resource(review: AdmissionReview, context: InContext) -> Answer:
    request = review.request
    if request.object is None:
        return allowed(request)
    ref = _ref(request, str(request.object.get("kind", "")))
    verdict = check_resource(ref, request.object, request.old_object)
    dangling = () if verdict.errors else await _dangling(context, ref, request)
    return _answer(context, request, ref, verdict, dangling)


def _ref(request: AdmissionRequest, kind: str) -> ObjectRef:
    metadata = (request.object or {}).get("metadata") or {}
    name = request.name or metadata.get("name") or metadata.get("generateName") or ""
    return ObjectRef(kind, request.namespace or metadata.get("namespace") or "default", name)


def _answer(
    context: Context, request: AdmissionRequest, ref: ObjectRef, verdict: Verdict, more: tuple[Problem, ...]
) -> Answer:
    if not request.dry_run:
        context.metrics.validation(ref.kind, verdict)
    warnings = [warning_of(each) for each in (*verdict.warnings, *more)]
    if not verdict.errors:
        return allowed(request, warnings)
    logger.info("%s: denied: %s", ref, "; ".join(map(warning_of, verdict.errors)))
    return invalid(request, ref, list(verdict.errors), warnings)


async def _dangling(context: Context, ref: ObjectRef, request: AdmissionRequest) -> tuple[Problem, ...]:
    """Warnings about references to what is not there; none when the API server does not say."""
    targets = references(ref.namespace, request.object or {})
    lookups = list(dict.fromkeys(targets.values()))[:_MAX_LOOKUPS]
    try:
        found = await asyncio.gather(*(context.facts.exists(each) for each in lookups))
    except ClusterError as error:
        logger.warning("%s: its references were not checked: %s", ref, error)
        return ()
    absent = {each for each, exists in zip(lookups, found, strict=True) if not exists}
    return tuple(nothing_there(ref, field, each) for field, each in targets.items() if each in absent)
