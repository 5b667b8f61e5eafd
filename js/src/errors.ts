/** Every error of kcomm: `code` is stable and for programs, `message` is for people. */
export class KcommError extends Error {
  override readonly name: string = "KcommError";

  /**
   * @param code a stable text, `kcomm.` and a word (docs/protocol.md, section 8), or what the peer's handler chose
   * @param message what was wrong and what to do
   * @param data a map with more about it, or null
   */
  constructor(
    readonly code: string,
    message: string,
    readonly data: unknown = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The peers do not understand each other: it ends the channel. Raised within the core only; `Session.receive` turns it into `Closed`. */
export class ProtocolError extends KcommError {
  override readonly name = "ProtocolError";

  constructor(message: string) {
    super("kcomm.protocol_error", message);
  }
}

/** A value that can't be sent, or that came in a form that can't be read: it harms only the message it is in. */
export class BadValueError extends KcommError {
  override readonly name = "BadValueError";

  constructor(
    message: string,
    code: "kcomm.bad_value" | "kcomm.too_deep" | "kcomm.too_large" = "kcomm.bad_value",
  ) {
    super(code, message);
  }
}
