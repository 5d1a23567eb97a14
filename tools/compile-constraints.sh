#!/bin/sh
# Writes constraints/airflow-LINE.txt: name==version lines with markers, no addresses and no hashes, so that the file
# is right on every machine and whatever package index it uses.
# usage: sh tools/compile-constraints.sh AIRFLOW_LINE [--upgrade]
set -eu

airflow_line=$1
shift

uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

"$uv" pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
    --no-emit-index-url --no-emit-find-links --output-file "constraints/airflow-$airflow_line.txt" "$@" \
    --extra emulator --group dev "constraints/airflow-$airflow_line.in" pyproject.toml
