#!/bin/sh
# Makes an environment with Playwright, and sees that there is a Chromium; needs .venv.
# usage: sh tools/browser.sh VENV
set -eu
. "$(dirname "$0")/step.sh"

venv=$1
uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

if ! command -v chromium >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        say 'There is no chromium: install it by your system, such as apt-get install chromium'
        exit 1
    fi
    step 'Reading the lists of packages' apt-get update
    export DEBIAN_FRONTEND=noninteractive
    step 'Installing chromium' apt-get install -y --no-install-recommends chromium
fi

rm -rf "$venv"
"$uv" venv --quiet --python .venv/bin/python "$venv"
step "Installing Playwright into $venv" "$uv" pip install --python "$venv/bin/python" --requirement constraints/browser.txt
