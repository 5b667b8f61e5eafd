/** The state machines, as tables (section 4 of the specification). What is not in a table is an error. */

type Table<State extends string, Input extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Input, State>>>>
>;

export type Connection = "idle" | "opening" | "accepting" | "open" | "closed";

export type ConnectionInput =
  | "sendHello"
  | "receiveHello"
  | "sendWelcome"
  | "receiveWelcome"
  | "send"
  | "receive"
  | "sendBye"
  | "receiveBye"
  | "cut";

export const CONNECTION: Table<Connection, ConnectionInput> = {
  idle: { sendHello: "opening", receiveHello: "accepting", sendBye: "closed", cut: "closed" },
  opening: { receiveWelcome: "open", sendBye: "closed", receiveBye: "closed", cut: "closed" },
  accepting: { sendWelcome: "open", sendBye: "closed", receiveBye: "closed", cut: "closed" },
  open: { send: "open", receive: "open", sendBye: "closed", receiveBye: "closed", cut: "closed" },
  closed: {
    receiveHello: "closed",
    receiveWelcome: "closed",
    receive: "closed",
    sendBye: "closed",
    receiveBye: "closed",
    cut: "closed",
  },
};

/** States of a call at the end that made it. */
export type Caller = "waiting" | "cancelled" | "done";

export type CallerInput = "next" | "terminal" | "cancel" | "close";

export const CALLER: Table<Caller, CallerInput> = {
  waiting: { next: "waiting", terminal: "done", cancel: "cancelled", close: "done" },
  cancelled: { next: "cancelled", terminal: "done", cancel: "cancelled", close: "done" },
  done: {},
};

/** States of a call at the end that answers it. */
export type Callee = "running" | "cancelling" | "done";

export type CalleeInput = "item" | "terminal" | "cancel" | "credit" | "close";

export const CALLEE: Table<Callee, CalleeInput> = {
  running: {
    item: "running",
    terminal: "done",
    cancel: "cancelling",
    credit: "running",
    close: "done",
  },
  cancelling: {
    item: "cancelling",
    terminal: "done",
    cancel: "cancelling",
    credit: "cancelling",
    close: "done",
  },
  done: {},
};

/** Returns the state that comes after an input; one that can't be is a defect of this code. */
export function step<State extends string, Input extends string>(
  table: Table<State, Input>,
  state: State,
  input: Input,
): State {
  const next = table[state][input];
  if (next === undefined) throw new Error(`${input} can't be in the state '${state}'`);
  return next;
}
