#!/bin/sh
# Runs the tests in both environments, first in the one without Airflow; each runs what the other does not.
# usage: sh tools/test.sh PYTEST_ARGUMENT...
# Fails where a test fails, and where neither environment has a test of those that were asked for.
set -u

run() {
    venv=$1
    shift
    printf '%s\n' "--- $venv" >&2
    # With -n each process begins with a part of its own, and whoever is idle takes some from another's end.
    "$venv/bin/python" -m pytest --dist=worksteal "$@"
}

run .venv-graph --airflow=never "$@"
without=$?
run .venv --airflow=only "$@"
with=$?

nothing=5 # pytest's exit code where no test was selected
if [ $without = $nothing ] && [ $with = $nothing ]; then
    printf 'No test was selected.\n' >&2
    exit $nothing
fi
[ $without = $nothing ] && without=0
[ $with = $nothing ] && with=0
[ $without = 0 ] || printf 'There were failures in .venv-graph, see above.\n' >&2
[ $with = 0 ] || printf 'There were failures in .venv, see above.\n' >&2
[ $without = 0 ] && [ $with = 0 ]
