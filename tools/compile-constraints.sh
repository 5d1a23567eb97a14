#!/bin/sh
# Writes constraints/airflow-LINE.txt or constraints/NAME.txt: name==version lines with markers, no addresses and no hashes,
# so that the file is right on every machine and whatever package index it uses.
# usage: sh tools/compile-constraints.sh AIRFLOW_LINE|graph|clients|fs|browser [--upgrade]
set -eu

line=$1
shift

uv=uv
command -v uv >/dev/null 2>&1 || uv=.venv/bin/uv

compile() {
    file=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
        --no-emit-index-url --no-emit-find-links --output-file "constraints/$file.txt" "$@"
}

case $line in
    graph) compile graph "$@" --constraint constraints/airflow-3.3.txt --group test constraints/graph.in ;;
    fs) compile fs "$@" --constraint constraints/airflow-3.3.txt constraints/fs.in ;;
    clients | browser) compile "$line" "$@" "constraints/$line.in" ;;
    *)
        compile "airflow-$line" "$@" --extra emulator --extra fast --extra fs --extra parquet --group dev \
            "constraints/airflow-$line.in" pyproject.toml
        ;;
esac
