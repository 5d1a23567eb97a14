#!/bin/sh
# Makes an environment with Airflow, this package and Airflow's provider for Microsoft Azure, whose MSGraphSensor
# benchmarks/triggers.py compares with; needs .venv.
# usage: sh tools/azure.sh VENV
set -eu
. "$(dirname "$0")/step.sh"

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

rm -rf "$venv"
"$uv" venv --quiet --python .venv/bin/python "$venv"
step "Installing Airflow and its provider for Microsoft Azure into $venv" \
    "$uv" pip install --python "$venv/bin/python" --constraint constraints/airflow-3.3.txt \
    --editable '.[emulator,fast]' apache-airflow-providers-microsoft-azure==15.2.1
