/** What a webcam is told: by `control` events of the kernel, and by the user of the page. */

export type Turn = "start" | "pause" | "stop";

export interface Command {
  readonly action?: unknown;
  readonly value?: unknown;
  /** Whether it is of the page's user, and of a source the kernel has to be told. */
  readonly isOwn?: boolean;
}

const TURNS: readonly unknown[] = ["start", "pause", "stop"] satisfies Turn[];
const SETTINGS: readonly unknown[] = ["device", "byte_rate", "show", "opacity", "mirror"];

export function readCommand(event: unknown): Command {
  const { action, value } = (event ?? {}) as Command;
  return { action, value };
}

export function isTurn(action: unknown): action is Turn {
  return TURNS.includes(action);
}

/** What a command changes, as `info()` would tell it; null: it changes no setting, or is not known. */
export function changeOf({ action, value }: Command): Record<string, unknown> | null {
  if (action === "size") return Array.isArray(value) ? { width: value[0], height: value[1] } : null;
  return SETTINGS.includes(action) ? { [action as string]: value } : null;
}

/** The commands that still count when they are done at once: a camera that is stopped in the end need not be asked for. */
export function standing(commands: readonly Command[]): readonly Command[] {
  const stop = commands.findLastIndex(({ action }) => action === "stop");
  return commands.filter(({ action }, i) => i >= stop || !isTurn(action));
}
