# Sourced by bench/run and bench/growth: what they need, set up where it is missing. Sets `python`, and in `given` what
# the Python side must know.
#
# Python packages go to a cache outside the repository, as in ./test; cargo's output where ./demo puts it.
bench="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/onrecord"
target="${CARGO_TARGET_DIR:-$bench/../target}"
given=()

fail() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

# value OPTION ARGUMENT...: what follows OPTION among the arguments.
value() {
    local option="$1"
    shift
    while [ $# -gt 0 ]; do
        case "$1" in
        "$option") printf '%s' "${2:-}" && return ;;
        "$option="*) printf '%s' "${1#*=}" && return ;;
        esac
        shift
    done
}

# takes_part ENGINE ARGUMENT...: unless --only leaves it out.
takes_part() {
    local engine="$1" only
    shift
    only="$(value --only "$@")"
    [ -z "$only" ] || [[ ",$only," == *",$engine,"* ]]
}

# The pinned packages; a changed list gets a new folder.
set_up_python() {
    command -v python3 >/dev/null || fail "python3 is missing (Debian: apt-get install python3 python3-venv)"
    local venv
    venv="$cache/bench-python-$(cksum <"$bench/requirements.txt" | cut -d ' ' -f 1)"
    if [ ! -e "$venv/ready" ]; then
        echo "bench: installing the pinned Python packages" >&2
        rm -rf "$venv"
        python3 -m venv "$venv" || fail "python3 cannot make a venv (Debian: apt-get install python3-venv)"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$bench/requirements.txt" ||
            fail "the packages of bench/requirements.txt cannot be installed"
        touch "$venv/ready"
    fi
    python="$venv/bin/python"
}

# PostgreSQL's programs. Debian's package would also start a cluster of its own, which nobody here needs.
set_up_postgresql() {
    local bin=/usr/lib/postgresql/15/bin
    [ -x $bin/postgres ] && [ -x $bin/pgbench ] && return
    command -v apt-get >/dev/null || fail "PostgreSQL 15 is missing: its programs are looked for in $bin"
    [ "$(id -u)" -eq 0 ] || fail "PostgreSQL 15 is missing: as root, apt-get install postgresql-15"
    echo "bench: installing PostgreSQL 15" >&2
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql-15 >/dev/null; } ||
        fail "PostgreSQL 15 cannot be installed"
}

# build NAME: a release program of this repository. cargo does nothing when it is there and fresh.
build() {
    command -v cargo >/dev/null || fail "cargo is missing: see https://rustup.rs"
    cargo build --quiet --release --locked --manifest-path "$bench/../Cargo.toml" -p "$1" || fail "$1 cannot be built"
}

set_up() {
    set_up_python
    case " $* " in *" --help "* | *" -h "*) return ;; esac
    build onrecord-load
    given=(--load-program "$target/release/onrecord-load")
    if takes_part onrecord "$@" && [ -z "$(value --program "$@")" ]; then
        echo "bench: building onrecord if it is not there (a first build takes its time; --program PATH takes one)" >&2
        build onrecord
        given+=(--program "$target/release/onrecord")
    fi
}
