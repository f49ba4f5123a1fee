// Append every segment change to a file. The file is the place, too: the program can be killed and started again.
//
// npm install kafkajs@2.2.4 lz4-napi@2.10.0
// node subscriber.mjs 127.0.0.1:9092 changes.tsv

import fs from 'node:fs';
import kafkajs from 'kafkajs';
import lz4 from 'lz4-napi';

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = kafkajs;
// KafkaJS contains no lz4, with which Segue compresses events.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }) => lz4.compressFrame(buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
});

const topic = 'segue.segment-changes.v1';
const [servers, file] = process.argv.slice(2);

// What the file holds: by partition the next offset and the log, and by customer the last sequence.
const offsets = new Map();
const logs = new Map();
const sequences = new Map();
const held = fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0);
const complete = held.subarray(0, held.lastIndexOf('\n') + 1);
fs.writeFileSync(file, complete); // without the half line of a program that was killed
for (const line of complete.toString('utf8').split('\n').slice(0, -1)) {
  const [partition, offset, log, event] = line.split('\t');
  const { data } = JSON.parse(event);
  offsets.set(Number(partition), BigInt(offset) + 1n);
  logs.set(Number(partition), log);
  sequences.set(data.customer_id, data.sequence);
}

const kafka = new Kafka({ brokers: servers.split(','), logLevel: logLevel.ERROR });
// KafkaJS needs a group. Nothing is committed to it: the offsets are in the file. A program that was killed stays in the
// group until its session has ended, and the next one waits for that: six seconds instead of half a minute.
const consumer = kafka.consumer({ groupId: 'subscriber', sessionTimeout: 6000, heartbeatInterval: 2000 });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ partition, message }) => {
    const log = String(message.headers.log_id ?? '');
    // The first record of a partition shows whether the offsets still belong to this log.
    if (logs.get(partition) && logs.get(partition) !== log) {
      console.error(`${file} is of another log: begin with a new file`);
      process.exit(1);
    }
    logs.delete(partition);
    const { data } = JSON.parse(message.value);
    const { customer_id: customer, sequence } = data;
    const last = sequences.get(customer) ?? 0;
    if (sequence > last + 1) {
      console.error(`customer ${customer}: change ${sequence} follows ${last}, those between are missing`);
    }
    if (sequence > last) { // drop what is not greater: a repeat
      sequences.set(customer, sequence);
      fs.appendFileSync(file, `${[partition, message.offset, log, message.value].join('\t')}\n`);
    }
  },
});
for (const [partition, offset] of offsets) consumer.seek({ topic, partition, offset: String(offset) });
