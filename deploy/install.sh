#!/bin/sh
# Installs popbridge as a systemd service, or removes it. Run it again to upgrade: config and state stay.
set -eu

usage() {
    cat <<'USAGE'
install.sh [--from WHAT] [--locked] [--wheels DIR] [--python PROGRAM]
install.sh --uninstall [--purge]

  --from WHAT       a wheel, or a source directory (default: the one this script is in)
  --locked          take the versions in requirements.txt beside this script, and no files but those that it knows
  --wheels DIR      take every dependency from DIR, nothing from the network
  --python PROGRAM  the Python to use, 3.11 or newer with its venv module (default: the newest found)
  --uninstall       stop the service and remove it; config and state stay
  --purge           with --uninstall: remove config, secrets and state too

Installs /opt/popbridge (a virtual environment), /usr/local/bin/popbridge, the units, the user `popbridge`, and,
unless it is there, /etc/popbridge/popbridge.toml. It starts nothing that did not run before.
USAGE
}

here=$(cd "$(dirname "$0")/.." && pwd)
from=$here
wheels=
locked=
python=
action=install
purge=no
home=/opt/popbridge
etc=/etc/popbridge
units=/etc/systemd/system

say() { printf '%s\n' "popbridge: $*"; }
fail() { printf '%s\n' "popbridge: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --from | --wheels | --python) [ $# -gt 1 ] || fail "$1 needs a value" ;;
    esac
    case $1 in
        --from) from=$2; shift ;;
        --locked) locked=$here/deploy/requirements.txt ;;
        --wheels) wheels=$2; shift ;;
        --python) python=$2; shift ;;
        --uninstall) action=uninstall ;;
        --purge) purge=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

usable() {
    "$1" -c 'import sys, ensurepip, venv, ssl, sqlite3; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in ${python:-python3.13 python3.12 python3.11 python3.14 python3}; do
        if usable "$name"; then
            command -v "$name"
            return
        fi
    done
}

# Without systemd as the running manager (an image being built) units are laid down and nothing else.
manager() { [ -d /run/systemd/system ] && systemctl "$@"; }

pip_install() {
    "$home.new/bin/python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        ${wheels:+--no-index --find-links "$wheels"} "$@"
}

install_program() {
    found=$(find_python)
    [ -n "$found" ] || fail 'no Python 3.11 or newer with its venv module (Debian: apt-get install python3-venv)'
    say "installing into $home with $found"
    # A new environment beside the old one: an upgrade that fails leaves what runs as it is.
    rm -rf "$home.new"
    "$found" -m venv "$home.new"
    [ -z "$locked" ] || pip_install --require-hashes --only-binary :all: --requirement "$locked"
    pip_install ${locked:+--no-deps} "$from"
    "$home.new/bin/popbridge" --version >/dev/null || fail "what was installed into $home.new does not run"
    rm -rf "$home.old"
    [ ! -d "$home" ] || mv "$home" "$home.old"
    mv "$home.new" "$home"
    # Programs in a virtual environment name its path in their first line.
    find "$home/bin" -type f -exec sed -i "1s|^#!$home\.new/|#!$home/|" {} +
    rm -rf "$home.old"
    ln -sfn "$home/bin/popbridge" /usr/local/bin/popbridge
}

install_user() {
    if getent passwd popbridge >/dev/null; then
        return
    fi
    say 'adding the system user popbridge'
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers "$here/systemd/popbridge.sysusers"
    else
        useradd --system --user-group --home-dir /var/lib/popbridge --shell /usr/sbin/nologin popbridge
    fi
}

install_config() {
    install -d -m 0750 -o root -g popbridge "$etc"
    install -d -m 0700 -o root -g root "$etc/credentials"
    if [ ! -e "$etc/popbridge.toml" ]; then
        say "writing $etc/popbridge.toml, an example to edit"
        "$home/bin/popbridge" config example >"$etc/popbridge.toml.new"
        chown root:popbridge "$etc/popbridge.toml.new"
        chmod 0640 "$etc/popbridge.toml.new"
        mv "$etc/popbridge.toml.new" "$etc/popbridge.toml"
    fi
}

install_units() {
    install -d -m 0755 "$units"
    for unit in popbridge.service popbridge.socket popbridge-tls.socket; do
        install -m 0644 "$here/systemd/$unit" "$units/$unit"
    done
    manager daemon-reload || return 0
    # Starts nothing, but what runs should run the new version.
    manager try-restart popbridge.service
}

case $action in
    install)
        [ "$(id -u)" = 0 ] || fail 'only root can install'
        install_program
        install_user
        install_config
        install_units
        say "next: edit $etc/popbridge.toml, then: popbridge check && systemctl enable --now popbridge"
        ;;
    uninstall)
        [ "$(id -u)" = 0 ] || fail 'only root can uninstall'
        for unit in popbridge.socket popbridge-tls.socket popbridge.service; do
            [ ! -e "$units/$unit" ] || manager disable --now "$unit" 2>/dev/null || true
            rm -f "$units/$unit"
        done
        manager daemon-reload || true
        rm -rf "$home" "$home.new" "$home.old"
        rm -f /usr/local/bin/popbridge
        if [ "$purge" = yes ]; then
            rm -rf "$etc" /var/lib/popbridge
            ! getent passwd popbridge >/dev/null || userdel popbridge
            say 'removed, with config and state'
        else
            say "removed; $etc and /var/lib/popbridge stay (--purge removes them)"
        fi
        ;;
esac
