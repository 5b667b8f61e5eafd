/** What a player needs of the kernel, or of what stands in for one: a recording in a stand-alone page. */
import type { Arguments, CallOptions, EmitOptions, StreamOptions } from "../channel.js";
import type { Decoder } from "./drawn.js";

/** The part of `Channel` that a player uses. */
export interface PlayerChannel {
  readonly isOpen: boolean;
  call(method: string, args?: Arguments, options?: CallOptions): Promise<unknown>;
  stream(method: string, args?: Arguments, options?: StreamOptions): PlayerStream;
  emit(topic: string, value?: unknown, options?: EmitOptions): void;
}

export interface PlayerStream {
  next(): Promise<IteratorResult<unknown>>;
  return(): Promise<IteratorResult<unknown>>;
  /** How many items are let be under way. */
  readonly window?: number;
}

/** A channel, and what decodes its frames. */
export interface Line {
  readonly channel: PlayerChannel;
  readonly decoder: Decoder;
}

/** Whether somebody can see the picture: nothing is asked for, and nothing painted, while nobody can. */
export interface Seen {
  isVisible(): boolean;
  /** Resolves when somebody can, or when the signal is aborted. */
  visible(signal: AbortSignal): Promise<void>;
}
