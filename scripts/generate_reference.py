"""Write docs/reference/ from the models in microgateway_common.resources."""

from __future__ import annotations

import sys
from pathlib import Path

from microgateway_common.generated import write_or_check
from microgateway_common.resources.pages import pages

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/reference"


def main() -> int:
    files = {FOLDER / name: text for name, text in pages().items()}
    return write_or_check(files, __doc__ or "", ROOT)


if __name__ == "__main__":
    sys.exit(main())
