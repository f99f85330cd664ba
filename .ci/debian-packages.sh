#!/bin/sh
# The real parts of the tests: Dovecot as upstream, mail clients as devices, proxies in between. Installed only by root on a Debian
# system, and announced; otherwise what needs them is skipped, by name, in pytest's summary.
# Usage: debian-packages.sh PACKAGE...
set -u

missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "== not a Debian system: tests that need$missing are skipped" >&2
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "== not root: tests that need$missing are skipped; to run them: apt-get install$missing" >&2
    exit 0
fi

echo "== as root: apt-get install$missing (their services are not started)" >&2
export DEBIAN_FRONTEND=noninteractive
# Without this, Debian would start a Dovecot on every address of the machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
# One that cannot be had must not keep the others away. $missing is a list of words.
apt-get update -qq </dev/null >&2
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null ||
    for package in $missing; do
        apt-get install -y -qq --no-install-recommends "$package" </dev/null >/dev/null ||
            echo "== $package could not be installed: tests that need it are skipped" >&2
    done
exit 0
