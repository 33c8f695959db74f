"""POST /mutate-v1-pod: the gateway into labelled pods."""

from __future__ import annotations

import logging

from fastapi import APIRouter

from microgateway_webhook.cluster import ClusterError
from microgateway_webhook.context import Context, InContext
from microgateway_webhook.injection.inject import Injected, Namespace, Refused, Skipped, inject
from microgateway_webhook.review import AdmissionRequest, AdmissionReview, Answer, allowed, patched, refused

logger = logging.getLogger(__name__)

PATH = "/mutate-v1-pod"

router = APIRouter(tags=["admission"])


@router.post(PATH, summary="Inject the gateway into a pod")
async def mutate_pod(review: AdmissionReview, context: InContext) -> Answer:
    request = review.request
    if request.operation != "CREATE" or request.sub_resource or request.object is None:
        return allowed(request)
    server = await context.facts.server_version()
    namespace = await _namespace(context, request.namespace)
    outcome = inject(request.object, context.template, server, namespace)
    if not request.dry_run:
        context.metrics.injection(outcome)
    match outcome:
        case Injected(patch=patch, warnings=warnings):
            _log(request, "injected" if patch else "already injected")
            return patched(request, patch, warnings)
        case Skipped(reason=reason, warnings=warnings):
            _log(request, f"skipped: {reason}")
            return allowed(request, warnings)
        case Refused(message=message):
            _log(request, f"refused: {message}")
            return refused(request, message)


async def _namespace(context: Context, name: str) -> Namespace:
    """Without what it restricts when that cannot be found out: where it matters (OpenShift), the pod is
    refused later, which is better than refusing it everywhere."""
    try:
        return await context.facts.namespace(name)
    except ClusterError as error:
        logger.warning("namespace %s: assuming that it restricts no user IDs: %s", name, error)
        return Namespace(name)


def _log(request: AdmissionRequest, what: str) -> None:
    raw = request.object or {}
    metadata = raw.get("metadata") or {}
    name = request.name or metadata.get("name") or f"{metadata.get('generateName', '')}…"
    dry_run = " (dry run)" if request.dry_run else ""
    logger.info("pod %s/%s: %s%s", request.namespace, name, what, dry_run)
