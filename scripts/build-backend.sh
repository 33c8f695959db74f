#!/bin/sh
# Prints the locked lines, hashes included, of what turns a member into a wheel: the build backend that each
# pyproject.toml names, what turns the CNI plugin into a bundle, and what compiles the hot path; each with what it
# requires. Usage: scripts/build-backend.sh requirements/dev.txt
set -eu
lock=$1
for package in hatchling packaging pathspec pluggy tomlkit trove-classifiers \
    pyinstaller altgraph pyinstaller-hooks-contrib setuptools \
    mypy mypy-extensions ast-serialize librt typing-extensions; do
    awk -v package="$package==" '/^[^ ]/ { wanted = index($0, package) == 1 } wanted' "$lock" | grep . ||
        { echo "$lock locks no package $package" >&2; exit 1; }
done
