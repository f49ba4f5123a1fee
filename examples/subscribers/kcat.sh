#!/usr/bin/env bash
# Append every segment change to a file for each partition. The files are the place, too: the script can be killed and
# started again.
#
# apt-get install kcat jq
# ./kcat.sh 127.0.0.1:9092 changes
set -euo pipefail
servers=$1 folder=$2 topic=segue.segment-changes.v1
mkdir -p "$folder"
exec 9>>"$folder/lock"
flock -n 9 || { echo "$folder is in use" >&2 && exit 1; }

# Partition, offset, headers and event of each record, separated by tabs.
read_from() {
  exec kcat -C -q -u -b "$servers" -t "$topic" -p "$1" -o "$2" -f '%p\t%o\t%h\t%s\n' "${@:3}"
}

for partition in $(kcat -L -J -b "$servers" -t "$topic" | jq '.topics[0].partitions[].partition'); do
  file=$folder/$partition.tsv next=0
  touch "$file"
  # Without the half line of a script that was killed.
  [ -z "$(tail -c 1 "$file")" ] || sed -i '$d' "$file"
  if [ -s "$file" ]; then
    last=$(tail -n 1 "$file")
    next=$(($(cut -f 2 <<<"$last") + 1))
    # The offsets belong to this log as long as the last line is where it was.
    if [ "$(read_from "$partition" $((next - 1)) -c 1 -e)" != "$last" ]; then
      echo "$folder is of another log: begin with a new folder" >&2
      exit 1
    fi
  fi
  read_from "$partition" "$next" >>"$file" &
done
trap 'kill $(jobs -p)' EXIT
wait
