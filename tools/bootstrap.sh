#!/bin/sh
# Makes (or brings up to date) a virtual environment with the package, the emulator and the tools of the dev group;
# "graph" in the place of an Airflow line makes one without Airflow.
# usage: sh tools/bootstrap.sh VENV AIRFLOW_LINE|graph PYTHON_CANDIDATE...
# Needs a Python; uv is taken from PATH, else installed into the environment.
set -eu

venv=$1
line=$2
shift 2

. "$(dirname "$0")/step.sh"

case $line in
    2.11) newest_minor=12 needs="Airflow $line" ;;
    graph) newest_minor=14 needs="The package" ;;
    *) newest_minor=14 needs="Airflow $line" ;;
esac

suits() {
    "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $newest_minor))" >/dev/null 2>&1
}

find_python() {
    for candidate in "$@"; do
        if suits "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

# `--group` came with uv 0.7; an older one is not used.
usable_uv() {
    command -v "$1" >/dev/null 2>&1 && "$1" pip install --help 2>/dev/null | grep -q -e '--group'
}

make_venv() {
    python=$(find_python "$@")
    if usable_uv uv; then
        step "Making $venv" uv venv --seed --python "${python:-3.12}" "$venv"
        return
    fi
    if [ -z "$python" ]; then
        say "$needs needs Python 3.11 to 3.$newest_minor, and none of these is one: $*"
        say "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12),"
        say "or name yours: make demo PYTHON=/path/to/python3.12"
        exit 1
    fi
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        say "$python cannot make virtual environments: its modules venv and ensurepip are missing."
        say "On Debian and Ubuntu: apt install python3-venv   (or install uv, which does without them)"
        exit 1
    fi
    step "Making $venv" "$python" -m venv "$venv"
}

# One whose making was interrupted has no pip yet.
if ! suits "$venv/bin/python" || ! "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
    rm -rf "$venv"
    make_venv "$@"
fi

uv=uv
if ! usable_uv "$uv"; then
    uv=$venv/bin/uv
    usable_uv "$uv" || step "Installing uv into $venv" \
        "$venv/bin/python" -m pip install --disable-pip-version-check --upgrade uv
fi

install() {
    what=$1
    shift
    step "Installing and compiling $what into $venv" \
        "$uv" pip install --compile-bytecode --python "$venv/bin/python" "$@"
}

if [ "$line" = graph ]; then
    install "the package without Airflow" --no-deps --requirement constraints/graph.txt --editable .
else
    install "Airflow $line and the package" \
        --constraint "constraints/airflow-$line.txt" --requirement "constraints/airflow-$line.in" \
        --editable '.[emulator,fast,fs,parquet]' --group dev
fi
