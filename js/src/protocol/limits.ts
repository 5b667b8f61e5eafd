import { ProtocolError } from "../errors.js";
import { isCount, isMap } from "./messages.js";

/** What a peer accepts, as it says in HELLO or WELCOME (docs/protocol.md, section 6). */
export interface Limits {
  /** Bytes of all buffers of a packet. */
  readonly packet: number;
  /** Bytes of one message with its attachments, before it is taken apart. */
  readonly message: number;
  /** Depth of a value. */
  readonly depth: number;
  /** Calls of the other peer that are open at once. */
  readonly calls: number;
  /** Messages that are in parts at once. */
  readonly parts: number;
  /** Topics on which events came. */
  readonly topics: number;
  /** Bytes of reliable packets not yet acknowledged. */
  readonly window: number;
}

export const DEFAULT_LIMITS: Limits = {
  packet: 8 * 2 ** 20,
  message: 256 * 2 ** 20,
  depth: 64,
  calls: 1024,
  parts: 16,
  topics: 1024,
  window: 32 * 2 ** 20,
};

const NAMES = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];
/** Smaller ones could not hold the protocol's own messages. */
const SMALLEST = { packet: 4096, message: 4096 };

/**
 * Completes limits with the defaults.
 *
 * @throws RangeError when one is not a positive integer, or too small
 */
export function makeLimits(given: Partial<Limits> = {}): Limits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  for (const name of NAMES) {
    if (!isCount(limits[name]) || limits[name] < 1)
      throw new RangeError(`the limit '${name}' must be a positive integer`);
  }
  for (const [name, smallest] of Object.entries(SMALLEST) as [keyof typeof SMALLEST, number][]) {
    if (limits[name] < smallest) {
      throw new RangeError(
        `the limit '${name}' must be at least ${smallest} bytes, not ${limits[name]}`,
      );
    }
  }
  return limits;
}

/**
 * Reads the map of HELLO or WELCOME; keys that are missing have their defaults, unknown ones are ignored.
 *
 * @throws ProtocolError
 */
export function readLimits(value: unknown): Limits {
  if (!isMap(value)) throw new ProtocolError("'limits' must be a map");
  const known = NAMES.filter((name) => Object.hasOwn(value, name)).map(
    (name) => [name, value[name]] as const,
  );
  try {
    return makeLimits(Object.fromEntries(known) as Partial<Limits>);
  } catch (error) {
    throw new ProtocolError((error as RangeError).message);
  }
}
