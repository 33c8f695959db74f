"""POST /explain: what the engines of a gateway do with a request, and why."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_config_api.access.viewer import Asking
from microgateway_config_api.configurations import live_configuration
from microgateway_config_api.problem_details import UnexplainableError
from microgateway_config_api.rules import DenyRules, Rules
from microgateway_config_api.source import Bus
from microgateway_config_api.views.explanation import ExplanationView, Question, explanation_view
from microgateway_inspection.explain.explain import UnknownPortError, explain
from microgateway_inspection.explain.result import Explanation
from microgateway_inspection.policy import PolicyError

router = APIRouter(prefix="/explain", tags=["explain"])


@router.post("", summary="What happens to a request, and why")
async def explain_request(bus: Bus, asking: Asking, rules: DenyRules, question: Question) -> ExplanationView:
    """The decision step by step and, for a threat, the smallest change that lets the request through.
    Nothing is sent anywhere."""
    namespace, _, name = question.gateway.partition("/")
    header, config = await live_configuration(bus, asking, namespace, name)
    return explanation_view(header, await run_in_threadpool(_explain, rules, config, question))


def _explain(rules: Rules, config: GatewayConfig, question: Question) -> Explanation:
    try:
        return explain(config, rules.get(), question.received(), question.port)
    except (UnknownPortError, PolicyError) as error:
        raise UnexplainableError(str(error)) from error
