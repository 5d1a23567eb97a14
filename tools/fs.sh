#!/bin/sh
# Makes an environment with Airflow, this package and the programs that use its filesystem, see tests/programs/; needs .venv.
# usage: sh tools/fs.sh VENV
set -eu
. "$(dirname "$0")/step.sh"

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

rm -rf "$venv"
"$uv" venv --quiet --seed --python .venv/bin/python "$venv"
step "Installing Airflow, pandas, DuckDB, polars and dask into $venv" \
    "$uv" pip install --python "$venv/bin/python" --constraint constraints/airflow-3.3.txt \
    --requirement constraints/airflow-3.3.in --requirement constraints/fs.txt \
    --editable '.[emulator,fast,fs,parquet]' --group test

# Its tests are in the source distribution only.
version=$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("universal_pathlib"))')
step 'Fetching the tests of universal_pathlib' \
    "$venv/bin/python" -m pip download --quiet --no-deps --no-binary :all: --dest "$venv/sdist" "universal_pathlib==$version"
tar -xzf "$venv/sdist/universal_pathlib-$version.tar.gz" -C "$venv/sdist" --strip-components 1
