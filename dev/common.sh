# What the scripts of this folder share; to be sourced. Needs bash.

say() { printf '== %s\n' "$*"; }

# One clear sentence, then the end.
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

require_swift() {
    command -v swift >/dev/null || fail "there is no swift command: install Swift 6.2 or newer"
}

# Installs those of the named Debian packages that are missing.
require_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "this is no Debian system; going on as if it had what these packages hold: $*"
        return
    fi
    local name missing=()
    for name in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$name" 2>/dev/null |
            grep -qx installed || missing+=("$name")
    done
    ((${#missing[@]})) || return 0

    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            fail "these packages are missing and there is no sudo; install them as root: ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    # Without the lists of packages, as in a fresh container, the first try cannot find them.
    install_packages || {
        "${as_root[@]}" apt-get update -q && install_packages
    } || fail "cannot install ${missing[*]}: see the lines above"
}

install_packages() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# What a build needs: compilers find the libraries by pkg-config or in the default folders.
build_packages=(libuv1-dev libpng-dev libprotobuf-c-dev libopenblas-dev libsqlite3-dev
    pkg-config)

# The Python environment of a client, made where it is missing; prints its folder.
python_environment() {
    local venv=$1/.venv
    if [[ ! -x $venv/bin/python ]]; then
        # Half an environment is worse than none.
        python3 -m venv "$venv" || { rm -rf "$venv"; fail "cannot make a Python environment in $venv"; }
    fi
    printf '%s\n' "$venv"
}

# Into the environment $1 from the repository $2, with the extra $3 if there is one: together, so that
# the client comes from here and from nowhere else.
install_dashboard() {
    "$1/bin/pip" install --quiet --disable-pip-version-check \
        --editable "$2/clients/python" --editable "$2/clients/dashboard${3:+[$3]}"
}
