#!/bin/sh
# Makes client code of kestrel.thrift, for our tests: in src/protocol/thrift/gen, or in the folder that is given.
# Needs Debian's thrift-compiler.
set -eu
cd "$(dirname "$0")"
gen=${1:-src/protocol/thrift/gen}
rm -rf "$gen/node" "$gen/python"
mkdir -p "$gen/node" "$gen/python"
thrift -out "$gen/node" --gen js:node,es6 kestrel.thrift
thrift -out "$gen/python" --gen py kestrel.thrift
# A program to call methods by hand, and a package that holds nothing but ours.
rm "$gen/python/kestrel/Kestrel-remote" "$gen/python/__init__.py"
# Node's code is CommonJS.
printf '{ "type": "commonjs" }\n' >"$gen/node/package.json"
