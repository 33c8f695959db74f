"""What people and their editors do to files: traffic goes on, and the problem is named."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from chain import Chain, eventually, use_marker
from load import Load
from redis import Redis

from microgateway_common.bus import keys
from microgateway_common.names import GatewayKey

pytestmark = pytest.mark.slow


def problems(chain: Chain) -> str:
    """What is wrong, as Redis holds it for the config-api."""
    with Redis.from_url(chain.redis.url) as redis:
        loose = redis.get(keys.PROBLEMS) or b""
        status = redis.get(keys.status(GatewayKey("shop/shop"))) or b""
    assert isinstance(loose, bytes)
    assert isinstance(status, bytes)
    return (loose + status).decode()


def compiled(chain: Chain) -> list[str]:
    """What the reconciler said about each compilation."""
    return [text for text in chain.reconciler.messages() if text.startswith("compiled")]


def test_a_malformed_file_harms_nothing_else_and_is_named(chain: Chain) -> None:
    use_marker(chain)
    with Load(chain.port) as load:
        chain.write("broken.yaml", "apiVersion: v1\nkind: [unclosed\n")
        eventually(lambda: "broken.yaml" in problems(chain), "the problem to be reported")
        chain.set_marker("a neighbour")
        chain.await_marker("a neighbour")
        (chain.manifests / "broken.yaml").write_bytes(b"\xff\xfe\x00")
        eventually(lambda: "byte 0xff" in problems(chain), "the encoding to be named")
        (chain.manifests / "broken.yaml").unlink()
        eventually(lambda: "broken.yaml" not in problems(chain), "the problem to go away")
    assert load.result.failures == []


def test_a_broken_resource_keeps_the_last_good_configuration(chain: Chain) -> None:
    use_marker(chain)
    good = chain.generation()
    limits = chain.manifests / "limits.yaml"
    text = limits.read_text()
    with Load(chain.port) as load:
        limits.write_text(text.replace("nestingDepth: 20", "nestingDepth: deep"))
        field = "spec.request.limited.json.nestingDepth"
        eventually(lambda: field in problems(chain), "the field to be named")
        assert '"up_to_date":false' in problems(chain)
        load.await_more(100)
        assert chain.generation() == good
        limits.write_text(text.replace("nestingDepth: 20", "nestingDepth: 7"))
        eventually(lambda: chain.generation() > good, "the repaired resource to be applied")
    assert load.result.failures == []


@pytest.mark.parametrize("name", ["gateway.yaml", "content-security.yaml", "pod.yaml"])
def test_a_file_that_is_being_written_is_waited_for(chain: Chain, name: str) -> None:
    use_marker(chain)
    path = chain.manifests / name
    text = path.read_text()
    with Load(chain.port) as load:
        for _ in range(3):
            with path.open("w") as file:  # truncated from here on
                for line in text.splitlines(keepends=True):
                    file.write(line)
                    file.flush()
                    time.sleep(0.02)
            load.await_more(20)
        chain.set_marker("all is well")
        chain.await_marker("all is well")
    assert load.result.failures == []


def test_an_editor_that_moves_the_file_away_first(chain: Chain) -> None:
    path = chain.manifests / "gateway.yaml"
    text = path.read_text()
    with Load(chain.port) as load:
        for _ in range(5):
            path.rename(path.with_suffix(".yaml~"))
            time.sleep(0.2)
            path.write_text(text)
            load.await_more(20)
    assert load.result.failures == []


def test_emptied_file_keeps_its_objects_and_a_removed_one_takes_them_along(chain: Chain) -> None:
    path = chain.manifests / "gateway.yaml"
    text = path.read_text()
    path.write_text("")
    eventually(lambda: "gateway.yaml" in problems(chain), "the empty file to be reported")
    assert chain.get("/products").status_code == 200
    path.unlink()
    eventually(lambda: not chain.is_ready(), "the engine to have no gateway any more")
    path.write_text(text)
    chain.await_ready()
    assert chain.get("/products").status_code == 200


def test_a_manifest_of_a_megabyte_is_applied_and_one_of_five_is_refused(chain: Chain) -> None:
    exceptions = [
        {
            "ruleKeys": ["SQL"],
            "blockedData": {"parameter": {"name": {"matcher": {"exact": f"p{number}-" + "x" * 110}}}},
        }
        for number in range(4000)
    ]
    document = {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": "DenyRules",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"request": {"builtIn": {"exceptions": exceptions}}},
    }
    text = yaml.safe_dump(document)
    assert len(text) > 1_000_000
    before = chain.generation()
    with Load(chain.port) as load:
        chain.write("deny-rules.yaml", text)
        eventually(lambda: chain.generation() > before, "the large manifest to be applied", 60)
        attack = {"p7-" + "x" * 110: "' UNION SELECT password FROM users--"}
        assert chain.get("/products", params=attack).status_code == 200
        assert chain.get("/products", params={"p7": attack.popitem()[1]}).status_code == 400
        chain.write("huge.yaml", "# padding\n" * 500_000)
        eventually(lambda: "huge.yaml" in problems(chain), "the huge file to be refused")
    assert load.result.failures == []


def test_five_hundred_gateways_in_one_folder(chain: Chain, tmp_path: Path) -> None:
    use_marker(chain)
    template = (chain.manifests / "gateway.yaml").read_text()
    with Load(chain.port) as load:
        for number in range(500):
            text = template.replace("name: shop\n  namespace", f"name: shop-{number}\n  namespace")
            chain.write(f"gateway-{number}.yaml", text.replace("app: shop", f"app: shop-{number}"))
        with Redis.from_url(chain.redis.url) as redis:
            eventually(lambda: len(redis.keys("mgw:shop:bundle:*")) == 501, "500 more bundles", 60)
        chain.set_marker("still quick")
        started = time.perf_counter()
        chain.await_marker("still quick")
        print(f"a change that all of 501 gateways refer to: {(time.perf_counter() - started) * 1e3:.0f} ms")
    assert load.result.failures == []
    compilations = len(compiled(chain))
    chain.write("gateway-7.yaml", template.replace("name: shop\n  namespace", "name: shop-7\n  namespace"))
    eventually(lambda: len(compiled(chain)) > compilations, "one more compilation")
    assert compiled(chain)[-1].startswith("compiled 1 gateways")
