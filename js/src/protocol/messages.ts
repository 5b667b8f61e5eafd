/** The kinds of message and the types of their fields (section 3 of the specification). */

import { ProtocolError } from "../errors.js";
import { Invalid } from "./values.js";

export const MAX_ID = Number.MAX_SAFE_INTEGER;
export const FIRST_EXTENSION = 64;

/** What a message is; the index is its number on the wire. */
const KINDS = [
  "HELLO",
  "WELCOME",
  "CALL",
  "NEXT",
  "END",
  "ERROR",
  "CANCEL",
  "CREDIT",
  "EVENT",
  "NACK",
  "PART",
  "BYE",
  "PROBE",
] as const;

export type Kind = (typeof KINDS)[number];

/** The number of a kind on the wire. */
export const KIND: Readonly<Record<Kind, number>> = Object.fromEntries(
  KINDS.map((kind, n) => [kind, n]),
) as Record<Kind, number>;

/** The first message of each end, alone in its packet. */
export const GREETINGS: ReadonlySet<Kind> = new Set<Kind>(["HELLO", "WELCOME"]);
/** What a volatile packet may hold: it may be lost, and these bear that. */
export const VOLATILE: ReadonlySet<Kind> = new Set<Kind>(["NEXT", "NACK", "PROBE"]);

/** A map of names to values, as in HELLO's or CALL's options. */
export type Options = Readonly<Record<string, unknown>>;

/** Whether a value is an integer from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

export function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Invalid)
  );
}

function isAny(_value: unknown): boolean {
  return true;
}

type Field = readonly [name: string, isValid: (value: unknown) => boolean];

/** For each kind the names of its fields after the id, and what each must be. */
const FIELDS = {
  HELLO: [
    ["versions", isList],
    ["options", isMap],
  ],
  WELCOME: [
    ["version", isCount],
    ["options", isMap],
  ],
  CALL: [
    ["method", isText],
    ["args", isAny],
    ["limit", isCount],
    ["options", isAny],
  ],
  NEXT: [
    ["index", isCount],
    ["value", isAny],
  ],
  END: [
    ["index", isCount],
    ["value", isAny],
  ],
  ERROR: [
    ["code", isText],
    ["message", isText],
    ["data", isAny],
  ],
  CANCEL: [["reason", isText]],
  CREDIT: [
    ["limit", isCount],
    ["done", isCount],
  ],
  EVENT: [
    ["topic", isText],
    ["index", isCount],
    ["value", isAny],
  ],
  NACK: [
    ["from", isCount],
    ["to", isCount],
  ],
  PART: [
    ["index", isCount],
    ["sizes", isAny],
    ["chunk", isAny],
  ],
  BYE: [
    ["code", isText],
    ["message", isText],
  ],
  PROBE: [["seq", isCount]],
} as const satisfies Readonly<Record<Kind, readonly Field[]>>;

type ValueOf<F> = F extends readonly [string, (value: unknown) => value is infer Value]
  ? Value
  : unknown;
type ValuesOf<Fields> = { readonly [I in keyof Fields]: ValueOf<Fields[I]> };

const WITH_ID: ReadonlySet<Kind> = new Set<Kind>(["CALL", "NEXT", "END", "CANCEL", "CREDIT"]);
const WITH_OR_WITHOUT_ID: ReadonlySet<Kind> = new Set<Kind>(["ERROR", "PART"]);

/** A message whose form was checked; its fields are those after the id, as many as this version knows. */
export type Message = {
  [K in Kind]: {
    readonly kind: K;
    readonly id: number;
    readonly fields: ValuesOf<(typeof FIELDS)[K]>;
  };
}[Kind];

/**
 * Checks the form of one decoded message.
 *
 * @returns the message; null for an extension that is to be ignored
 * @throws ProtocolError when it has no such form
 */
export function parse(message: unknown): Message | null {
  if (!Array.isArray(message) || message.length < 2) {
    throw new ProtocolError("a message must be an array of a kind, an id and fields");
  }
  const [number, id, ...fields] = message as unknown[];
  if (!isCount(number) || !isCount(id)) {
    throw new ProtocolError("the kind and the id of a message must be non-negative integers");
  }
  if (number >= FIRST_EXTENSION) return null;
  const kind = KINDS[number];
  if (kind === undefined) throw new ProtocolError(`the message kind ${number} is not known`);
  checkId(kind, id);
  const expected: readonly Field[] = FIELDS[kind];
  if (fields.length < expected.length) {
    throw new ProtocolError(`${kind} needs ${expected.length} fields, but has ${fields.length}`);
  }
  expected.forEach(([name, isValid], i) => {
    if (!isValid(fields[i]))
      throw new ProtocolError(`the field '${name}' of ${kind} is not what it must be`);
  });
  // What the table asked for is what the type says.
  return { kind, id, fields: fields.slice(0, expected.length) } as unknown as Message;
}

function checkId(kind: Kind, id: number): void {
  if (WITH_ID.has(kind)) {
    if (id === 0) throw new ProtocolError(`${kind} needs an id`);
  } else if (id !== 0 && !WITH_OR_WITHOUT_ID.has(kind)) {
    throw new ProtocolError(`${kind} has no id: it must be 0`);
  }
}
