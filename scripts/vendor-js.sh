#!/usr/bin/env bash
# Fetches the libraries of the HTML page again into tracer/report/html/vendor: exactly these
# versions, from npm as it is set up on this machine, checked by their digests. Needs npm.
#
# For another version: change its line, run this, and put the digests that it prints here.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VENDOR=$REPO/tracer/report/html/vendor

# package version digest of npm's archive
PACKAGES="
d3 7.9.0 7e36605710a2ba54846797c8c6d888911341b215ae53257dc32a49a0b824355e
d3-flame-graph 5.0.0 f12f7540b6e6e787277908d70b7169da7ced5be8737bcff2bd27f3fe4b9961c9
uplot 1.6.32 4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d
"
# package, file in it, name here
FILES="
d3 dist/d3.min.js d3.min.js
d3 LICENSE d3.LICENSE
d3-flame-graph dist/d3-flamegraph.umd.min.js d3-flamegraph.umd.min.js
d3-flame-graph LICENSE d3-flame-graph.LICENSE
uplot dist/uPlot.iife.min.js uPlot.iife.min.js
uplot dist/uPlot.min.css uPlot.min.css
uplot LICENSE uPlot.LICENSE
"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

while read -r package version digest; do
    [[ -n $package ]] || continue
    npm pack --silent "$package@$version" >/dev/null
    archive=$package-$version.tgz
    if ! printf '%s  %s\n' "$digest" "$archive" | sha256sum --check --status; then
        printf 'vendor-js: %s has the digest\n  %s\nand not\n  %s\n' \
            "$archive" "$(sha256sum "$archive" | cut -d' ' -f1)" "$digest" >&2
        exit 1
    fi
    mkdir "$package"
    tar xzf "$archive" -C "$package" --strip-components 1
done <<<"$PACKAGES"

while read -r package file name; do
    [[ -n $package ]] || continue
    cp "$package/$file" "$VENDOR/$name"
done <<<"$FILES"
