/** What HELLO and WELCOME hold (section 3.1 of the specification). */

import { KcommError, ProtocolError } from "../errors.js";
import type { Opened } from "./events.js";
import { readLimits as fromWire, type Limits } from "./limits.js";
import { isCount, isList, isMap, isText, type Options } from "./messages.js";

export const PROTOCOL_VERSION = 1;

/** What one end says of itself. */
export class Greeting {
  constructor(
    readonly limits: Limits,
    readonly features: Options,
    readonly params: Options,
    readonly epoch: string,
    readonly staleSubshells: readonly string[],
  ) {}

  /** The fields of HELLO. */
  hello(): [readonly number[], Options] {
    const { limits, features, params } = this;
    return [[PROTOCOL_VERSION], { limits, features, params }];
  }

  /** The fields of WELCOME. */
  welcome(): [number, Options] {
    const { limits, features, epoch, staleSubshells } = this;
    const options = { limits, features, epoch };
    if (staleSubshells.length === 0) return [PROTOCOL_VERSION, options];
    return [PROTOCOL_VERSION, { ...options, stale_subshells: staleSubshells }];
  }
}

/** What the other end accepts. */
export function readLimits(options: Options): Limits {
  return fromWire(Object.hasOwn(options, "limits") ? options.limits : {});
}

/** @throws KcommError `kcomm.unsupported_version`; ProtocolError when the options are not what they must be */
export function readHello(versions: readonly unknown[], options: Options): Opened {
  const features = getMap(options, "features");
  const params = getMap(options, "params");
  if (!versions.includes(PROTOCOL_VERSION)) {
    // Integers only: text could not be made of everything that may be here.
    const theirs = versions.filter(isCount).slice(0, 20).join(", ");
    const message = `the other end speaks versions [${theirs}], this one [${PROTOCOL_VERSION}]`;
    throw new KcommError("kcomm.unsupported_version", message);
  }
  const version = PROTOCOL_VERSION;
  return { type: "Opened", version, features, params, epoch: "", staleSubshells: [] };
}

/** @throws ProtocolError when the fields are not what they must be */
export function readWelcome(version: number, options: Options): Opened {
  if (version !== PROTOCOL_VERSION) {
    throw new ProtocolError(`version ${version} was chosen, but only ${PROTOCOL_VERSION} offered`);
  }
  const { epoch = "", stale_subshells: staleSubshells = [] } = options;
  if (!isText(epoch) || !isList(staleSubshells) || !staleSubshells.every(isText))
    throw new ProtocolError("'epoch' must be text and 'stale_subshells' a list of texts");
  const features = getMap(options, "features");
  return { type: "Opened", version, features, params: {}, epoch, staleSubshells };
}

function getMap(options: Options, key: string): Options {
  const value = Object.hasOwn(options, key) ? options[key] : {};
  if (!isMap(value)) throw new ProtocolError(`'${key}' must be a map`);
  return value;
}
