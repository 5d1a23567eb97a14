#!/bin/sh
# Makes an environment with the clients that the emulator is tested and compared with; needs .venv.
# usage: sh tools/clients.sh VENV
set -eu
. "$(dirname "$0")/step.sh"

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

rm -rf "$venv"
"$uv" venv --quiet --python .venv/bin/python "$venv"
step "Installing rclone, msgraph-sdk, msgraphfs and O365 into $venv" \
    "$uv" pip install --python "$venv/bin/python" --requirement constraints/clients.txt
