"""Append every segment change to a file. The file is the place, too: the program can be killed and started again.

pip install confluent-kafka
python subscriber.py 127.0.0.1:9092 changes.tsv
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

TOPIC = "segue.segment-changes.v1"
servers, file = sys.argv[1], Path(sys.argv[2])

# What the file holds: by partition the next offset and the log, and by customer the last sequence.
offsets: dict[int, int] = {}
logs: dict[int, str] = {}
sequences: dict[str, int] = {}
file.touch()
lines, newline, _ = file.read_bytes().rpartition(b"\n")
with file.open("r+b") as output:
    output.truncate(len(lines + newline))  # without the half line of a program that was killed
for line in lines.decode().split("\n") if lines else []:
    partition, offset, log, event = line.split("\t")
    data = json.loads(event)["data"]
    offsets[int(partition)], logs[int(partition)] = int(offset) + 1, log
    sequences[data["customer_id"]] = data["sequence"]

consumer = Consumer(
    {
        "bootstrap.servers": servers,
        "group.id": "subscriber",  # required, but not used: the offsets are in the file
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
)
while not (partitions := consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions):
    time.sleep(1)  # until a worker has created the topic
consumer.assign([TopicPartition(TOPIC, each, offsets.get(each, 0)) for each in partitions])

with file.open("ab") as output:
    while True:
        records: list[Any] = consumer.consume(500, timeout=1)
        for record in records:
            if record.error():
                sys.stderr.write(f"{record.error().str()}\n")
                continue
            log = dict(record.headers() or []).get("log_id", b"").decode()
            # The first record of a partition shows whether the offsets still belong to this log.
            if logs.pop(record.partition(), "") not in ("", log):
                sys.exit(f"{file} is of another log: begin with a new file")
            data = json.loads(record.value())["data"]
            customer, sequence = data["customer_id"], data["sequence"]
            last = sequences.get(customer, 0)
            if sequence > last + 1:
                sys.stderr.write(f"customer {customer}: change {sequence} follows {last}, those between are missing\n")
            if sequence > last:  # drop what is not greater: a repeat
                sequences[customer] = sequence
                place = f"{record.partition()}\t{record.offset()}\t{log}\t"
                output.write(place.encode() + record.value() + b"\n")
        output.flush()
