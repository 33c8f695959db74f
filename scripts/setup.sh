#!/usr/bin/env bash
# setup.sh [VENV]: creates the virtual environment (.venv) with the locked requirements and every member
# installed editable. Does nothing when neither the locks nor the members' metadata changed since the last
# run. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-.venv}
stamp=$venv/.microgateway-setup
wanted=$(cat requirements/dev.txt libs/*/pyproject.toml services/*/pyproject.toml scripts/setup.sh | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted $PWD" ] && exit 0

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; $python is $("$python" -V 2>&1)" >&2
    exit 1
}
# Debian splits ensurepip into its own package.
"$python" -c 'import ensurepip' 2>/dev/null || scripts/system-packages.sh python3-venv

echo "setup 1/3: virtual environment $venv"
"$python" -m venv "$venv"
echo "setup 2/3: locked requirements (about a minute on a fresh machine)"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
echo "setup 3/3: the members of this repository"
editable=()
for member in libs/* services/*; do editable+=(-e "$member"); done
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation "${editable[@]}"
echo "$wanted $PWD" >"$stamp"
