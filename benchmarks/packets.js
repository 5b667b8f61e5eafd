// What it costs to write and read a packet in JavaScript: see packets.py. Prints JSON.
import { decode, encode as pack } from "@msgpack/msgpack";
import { parse } from "../js/src/protocol/messages.ts";
import * as packets from "../js/src/protocol/packets.ts";
import { check, encode } from "../js/src/protocol/values.ts";

const DEPTH = 64;
const MAX_BYTES = 8 * 2 ** 20;
/** Rounds of each figure, and the milliseconds of each. */
const ROUNDS = 8;
const TIME = 25;

const call = (i) => [2, i, "add", [2, 3.5], 0, { timeout: 30_000 }];
const array = Object.assign(
  new Uint8Array(1_000_000).map((_, i) => (i * 2_654_435_761) >>> 24),
  {
    shape: [1000, 1000],
    dtype: "uint8",
  },
);
const SAMPLES = {
  "a small call": [call(1)],
  "100 small calls": Array.from({ length: 100 }, (_, i) => call(2 * i + 1)),
  "an array of 1 MB": [[4, 1, 0, array]],
};

function write(fields) {
  const encoded = fields.map((message) => encode(message, DEPTH));
  const attachments = encoded.flatMap((message) => message.attachments);
  const bodies = encoded.map((message) => message.body);
  return packets.write(1, 0, bodies, attachments);
}

function read(packet) {
  for (const message of packets.read(packet, MAX_BYTES).messages) {
    const parsed = parse(message);
    if (parsed !== null) check(parsed.fields, DEPTH);
  }
}

/** Microseconds of one call: those of the best round, when it has been compiled and nothing else ran. */
function measure(work) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    let count = 0;
    while (performance.now() - began < TIME) {
      work();
      count += 1;
    }
    best = Math.min(best, (1000 * (performance.now() - began)) / count);
  }
  return best;
}

const figures = {};
for (const [name, fields] of Object.entries(SAMPLES)) {
  const packet = write(fields);
  const plain = [1, 0, fields];
  const packed = pack(plain);
  figures[`write ${name}`] = {
    kcomm: measure(() => write(fields)),
    "msgpack alone": measure(() => pack(plain)),
  };
  figures[`read ${name}`] = {
    kcomm: measure(() => read(packet)),
    "msgpack alone": measure(() => decode(packed)),
  };
}
console.log(JSON.stringify(figures));
