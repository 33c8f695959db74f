from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from monitored import Installation


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Under Prometheus, which has scraped everything once. Tests leave it as they found it."""
    for program in ("prometheus", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"needs Debian's package {program}")
    with Installation(tmp_path_factory.mktemp("monitored")) as started:
        yield started
