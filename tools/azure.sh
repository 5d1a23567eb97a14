#!/bin/sh
# Makes an environment with Airflow, this package and Airflow's provider for Microsoft Azure, whose MSGraphSensor
# benchmarks/triggers.py compares with; needs .venv.
# usage: sh tools/azure.sh VENV
set -eu

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

printf 'Installing Airflow and its provider for Microsoft Azure into %s ...\n' "$venv" >&2
rm -rf "$venv"
"$uv" venv --quiet --python .venv/bin/python "$venv"
"$uv" pip install --quiet --python "$venv/bin/python" --constraint constraints/airflow-3.3.txt \
    --editable '.[emulator,fast]' apache-airflow-providers-microsoft-azure==15.2.1
