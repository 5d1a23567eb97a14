# Shows the progress of long commands, which are silent for minutes; the other scripts here read it.
# shellcheck shell=sh

# Print a line for people.
say() { printf '%s\n' "$*" >&2; }

# Run a command: step TITLE COMMAND [ARGUMENT...]
# The title, the elapsed seconds and the newest line of the command's output are shown: on a terminal in one line that
# is rewritten, in a log every 15 seconds. A failure ends the script in one sentence; what was printed stays in a file.
step() {
    step_title=$1
    shift
    if ! step_log=$(mktemp "${TMPDIR:-/tmp}/onedrive-install-XXXXXX" 2>/dev/null); then
        say "FAILED: $step_title: no file can be written to ${TMPDIR:-/tmp}; let the variable TMPDIR name a folder with space."
        exit 1
    fi
    trap 'end_step' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    step_start=$(date +%s)
    show_line
    show_step &
    step_display=$!
    step_code=0
    # In the foreground, for Ctrl-C reaches no background command.
    "$@" >"$step_log" 2>&1 </dev/null || step_code=$?
    [ "$step_code" = 0 ] || fail_step
    end_step
    trap - EXIT INT TERM
}

show_step() {
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        if [ -t 2 ] || [ $(($(date +%s) - step_start - step_shown)) -ge 15 ]; then
            show_line
        fi
    done
}

show_line() {
    step_shown=$(($(date +%s) - step_start))
    step_line=$(printf '[%4d s] %s: %s' "$step_shown" "$step_title" "$(step_news)")
    if [ -t 2 ]; then
        printf '\r\033[K%.79s' "$step_line" >&2
    else
        say "$step_line"
    fi
}

# Return the newest line of the output.
step_news() {
    step_newest=$(grep . "$step_log" 2>/dev/null | tail -n 1 | cut -c 1-60)
    printf '%s' "${step_newest:-it has printed nothing yet}"
}

fail_step() {
    stop_display
    step_reason=$(grep -i -m 1 -e error -e '×' "$step_log" || tail -n 1 "$step_log")
    say "FAILED: $step_title ended with exit code $step_code (${step_reason:-it printed nothing}); its output is in $step_log;" \
        "see that the network answers and the disk has space, then run the same command again, which goes on from here."
    step_log=
    exit 1
}

end_step() {
    stop_display
    [ -z "$step_log" ] || rm -f "$step_log"
}

stop_display() {
    kill "$step_display" 2>/dev/null || :
    wait "$step_display" 2>/dev/null || :
    [ ! -t 2 ] || printf '\r\033[K' >&2
}

# A slow network and a busy machine are no errors. uv and pip take these from the environment.
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-300}" UV_HTTP_RETRIES="${UV_HTTP_RETRIES:-6}" UV_LOCK_TIMEOUT="${UV_LOCK_TIMEOUT:-3600}"
export UV_COMPILE_BYTECODE_TIMEOUT="${UV_COMPILE_BYTECODE_TIMEOUT:-3600}"
export PIP_DEFAULT_TIMEOUT="${PIP_DEFAULT_TIMEOUT:-300}" PIP_RETRIES="${PIP_RETRIES:-6}"
