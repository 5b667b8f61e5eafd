/** What a session tells the layer above it. */

/** The handshake is done. `params` are the opener's, `epoch` and `staleSubshells` the acceptor's. */
export interface Opened {
  readonly type: "Opened";
  readonly version: number;
  readonly features: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly epoch: string;
  readonly staleSubshells: readonly string[];
}

/** The other end called: answer with `Session.end`, `Session.item` or `Session.fail`. */
export interface Called {
  readonly type: "Called";
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[] | Readonly<Record<string, unknown>>;
  readonly limit: number;
  readonly options: Readonly<Record<string, unknown>>;
}

/** An item of a stream that this end called. */
export interface Item {
  readonly type: "Item";
  readonly id: number;
  readonly index: number;
  readonly value: unknown;
}

/** A call of this end ended well. */
export interface Ended {
  readonly type: "Ended";
  readonly id: number;
  readonly index: number;
  readonly value: unknown;
}

/** A call of this end failed. */
export interface Failed {
  readonly type: "Failed";
  readonly id: number;
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>> | null;
}

/** The other end gave up a call; its handler should stop, and a terminal message is still due. */
export interface Cancelled {
  readonly type: "Cancelled";
  readonly id: number;
  readonly reason: string;
}

/** The other end granted credit for a stream. */
export interface Credited {
  readonly type: "Credited";
  readonly id: number;
  readonly limit: number;
  readonly done: number;
}

/** An event came; `dropped` others of its topic were dropped by the sender just before it. */
export interface Emitted {
  readonly type: "Emitted";
  readonly topic: string;
  readonly value: unknown;
  readonly dropped: number;
}

/** The other end reports an error that belongs to no call. */
export interface Reported {
  readonly type: "Reported";
  readonly code: string;
  readonly message: string;
}

/** There is room to send again. */
export interface Writable {
  readonly type: "Writable";
}

/** The channel ended; nothing comes after this. */
export interface Closed {
  readonly type: "Closed";
  readonly code: string;
  readonly message: string;
}

export type SessionEvent =
  | Opened
  | Called
  | Item
  | Ended
  | Failed
  | Cancelled
  | Credited
  | Emitted
  | Reported
  | Writable
  | Closed;
