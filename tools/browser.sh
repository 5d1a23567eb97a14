#!/bin/sh
# Makes an environment with Playwright, and sees that there is a Chromium; needs .venv.
# usage: sh tools/browser.sh VENV
set -eu

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

if ! command -v chromium >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        printf 'There is no chromium: install it by your system, such as apt-get install chromium\n' >&2
        exit 1
    fi
    printf 'Installing chromium ...\n' >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null
fi

printf 'Installing Playwright into %s ...\n' "$venv" >&2
rm -rf "$venv"
"$uv" venv --quiet --python .venv/bin/python "$venv"
"$uv" pip install --quiet --python "$venv/bin/python" --requirement constraints/browser.txt
