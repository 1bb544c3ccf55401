#!/usr/bin/env bash
# Makes the certificates of the TLS test: an authority, a server and a client that it signed, and a stranger.
# The keys guard nothing: they are for tests on 127.0.0.1 alone.
set -euo pipefail
cd "$(dirname "$0")"
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
key ca && openssl req -x509 -new -key ca.key -subj "/CN=Orbit test authority" -days 36500 -out ca.pem
for name in server client; do
  key "$name"
  openssl req -new -key "$name.key" -subj "/CN=$name" -addext "subjectAltName=IP:127.0.0.1" |
    openssl x509 -req -CA ca.pem -CAkey ca.key -copy_extensions copy -days 36500 -out "$name.pem"
done
key stranger && openssl req -x509 -new -key stranger.key -subj "/CN=stranger" -days 36500 -out stranger.pem
rm -f ca.key
