#!/bin/sh
# Makes an environment with the clients that the emulator is tested and compared with; needs .venv.
# usage: sh tools/clients.sh VENV
set -eu

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

printf 'Installing rclone, msgraph-sdk, msgraphfs and O365 into %s ...\n' "$venv" >&2
rm -rf "$venv"
"$uv" venv --quiet --python .venv/bin/python "$venv"
"$uv" pip install --quiet --python "$venv/bin/python" --requirement constraints/clients.txt
