"""What the bundle runs: the command `microgateway-cni`."""

from __future__ import annotations

import sys

from microgateway_cni.plugin.main import main

sys.exit(main())
