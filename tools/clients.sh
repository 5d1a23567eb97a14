#!/bin/sh
# Makes an environment with the clients that the emulator is tested with; needs .venv.
# usage: sh tools/clients.sh VENV
set -eu

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

printf 'Installing rclone and msgraph-sdk into %s ...\n' "$venv" >&2
rm -rf "$venv"
"$uv" venv --quiet --python .venv/bin/python "$venv"
"$uv" pip install --quiet --python "$venv/bin/python" --requirement constraints/clients.txt
