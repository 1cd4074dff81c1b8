#!/usr/bin/env bash
# Prints the SSLConfig for `--ssl_config_file`, which holds the texts themselves, not paths.
#
#     (umask 077; bash serving/deploy/ssl_config.sh server.key server.crt ca.crt > ssl.config)
#
# `client_verify` makes it mutual TLS: clients need a certificate that ca.crt has signed.
set -euo pipefail

one_line() { awk '{ printf "%s\\n", $0 }' "$1"; }

key=$(one_line "$1") certificate=$(one_line "$2") authority=$(one_line "$3")
cat <<END
server_key: "$key"
server_cert: "$certificate"
custom_ca: "$authority"
client_verify: true
END
