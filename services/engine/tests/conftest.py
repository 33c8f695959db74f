from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import engine_configurations as configurations
import pytest
import uvloop

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import Generation
from microgateway_common.wire import Header, digest_of, encode
from microgateway_engine.config.runtime import Runtime, build
from microgateway_inspection.rule_set import RuleSet

#: Makes a configuration ready, with a generation.
MakeRuntime = Callable[..., Runtime]


@pytest.fixture(scope="session")
def rules() -> RuleSet:
    return RuleSet.load(None)


@pytest.fixture
def make_runtime(rules: RuleSet) -> MakeRuntime:
    def make(config: GatewayConfig | None = None, generation: int = 1) -> Runtime:
        config = config or configurations.gateway_config()
        header = Header(config.gateway, Generation(generation), digest_of(encode(config)))
        return build(header, config, rules)

    return make


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop that the engine runs on."""
    return {"uvloop": uvloop.new_event_loop}
