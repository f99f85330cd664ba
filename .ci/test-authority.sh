#!/bin/sh
# The authorization server that the tests sign in at, npm's oidc-provider, with the versions of its lock file. Without
# node and npm, or without a way to their registry, what needs it is skipped, by name, in pytest's summary.
# Usage: test-authority.sh SOURCE TARGET
set -u

source=$1
target=$2
if cmp -s "$source/package-lock.json" "$target/installed-lock.json"; then
    exit 0
fi
for program in node npm; do
    if ! command -v "$program" >/dev/null 2>&1; then
        echo "== no $program: tests that sign in at a real authorization server are skipped" >&2
        exit 0
    fi
done

echo "== installing the authorization server of the tests into $target"
rm -rf "$target"
mkdir -p "$target"
cp "$source/package.json" "$source/package-lock.json" "$target/"
if (cd "$target" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >/dev/null); then
    cp "$source/package-lock.json" "$target/installed-lock.json"
else
    echo "== npm could not install it: tests that sign in at a real authorization server are skipped" >&2
    rm -rf "$target"
fi
exit 0
