#!/bin/sh
# Kirim satu peristiwa lewat HTTP dan tunggu jawabannya: sh kirim.sh registry contoh.json
# Send one event over HTTP and wait for its receipt.
set -eu
service=$1 file=$2
here=$(dirname "$0")
door=${GATEWAY}/$service/v1
id=$(sed -n 's/^ *"id": *"\([^"]*\)".*/\1/p' "$file" | head -n 1)

# Token lewat masukan baku, tidak terlihat di daftar proses / by standard input, unseen in the list of processes.
call() {
  printf 'Authorization: Bearer %s\n' "$(cat "$here/token")" | curl --silent --show-error --header @- "$@"
}

call --fail-with-body --header 'content-type: application/cloudevents+json' --data-binary "@$file" "$door/events"
echo
tries=60
until receipt=$(call --fail "$door/receipts/$id" 2>/dev/null); do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { echo "belum ada jawaban / no receipt yet: $id" >&2; exit 1; }
  sleep 1
done
echo "$receipt"
