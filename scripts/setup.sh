#!/usr/bin/env bash
# setup.sh [VENV [compiled]]: creates the virtual environment (.venv) with the locked requirements and every
# member installed editable; with "compiled" as images have them, wheels with the hot path compiled. Does nothing
# when nothing that counts changed since the last run. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-.venv}
stamp=$venv/.microgateway-setup
kind=${2:-editable}
counts=(requirements/dev.txt scripts/setup.sh)
if [ "$kind" = compiled ]; then
    while IFS= read -r file; do counts+=("$file"); done < <(
        find libs/*/src services/*/src \( -name '*.py' -o -name '*.toml' \) | LC_ALL=C sort
    )
    counts+=(scripts/compile_hot_path.py)
fi
wanted=$(cat "${counts[@]}" libs/*/pyproject.toml services/*/pyproject.toml | sha256sum)
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
members=()
if [ "$kind" = compiled ]; then
    # Extension modules of a former run would stand before what is installed now.
    rm -rf "$venv"/lib/python3*/site-packages/microgateway_*
    for member in libs/* services/*; do members+=("./$member"); done
else
    for member in libs/* services/*; do members+=(-e "$member"); done
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation "${members[@]}"
if [ "$kind" = compiled ]; then
    "$venv/bin/python" -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("include"), "Python.h").stat()' \
        2>/dev/null || scripts/system-packages.sh python3-dev
    command -v gcc >/dev/null || scripts/system-packages.sh gcc libc6-dev
    "$venv/bin/python" scripts/compile_hot_path.py "$venv/bin/python"
fi
echo "$wanted $PWD" >"$stamp"
