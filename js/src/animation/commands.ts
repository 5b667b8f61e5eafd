/** What a player can be told: by its buttons and keys, by Python, and by the other pages that show it. */
import type { Player } from "./player.js";
import { isIndex, readLoop } from "./state.js";

export type Action =
  | "play"
  | "pause"
  | "reverse"
  | "step"
  | "seek"
  | "speed"
  | "fps"
  | "loop"
  | "redraw"
  | "follow";

/** Does what a `control` event says; what it does not know is ignored. */
export function perform(player: Player, command: unknown): void {
  const { action, value } = (command ?? {}) as Record<string, unknown>;
  const number = Number.isFinite(value) ? (value as number) : null; // Not-a-number may come, too.
  const isGiven = value !== undefined && value !== null;
  const loop = readLoop(value);
  if (action === "play") player.play(1);
  else if (action === "pause") player.pause();
  else if (action === "reverse") player.play(-1);
  else if (action === "step" && (number !== null || !isGiven)) player.step(number ?? 1);
  else if (action === "seek" && number !== null) player.seek(number);
  else if (action === "speed" && number !== null) player.setSpeed(number);
  else if (action === "fps" && (number !== null || value === "max")) player.setFps(number ?? "max");
  else if (action === "loop" && loop !== null) player.setLoop(loop);
  else if (action === "redraw") player.redraw();
  else if (action === "follow") follow(player, value);
}

/** Another page leads, and is at this frame. */
function follow(player: Player, value: unknown): void {
  const { index, direction } = (value ?? {}) as Record<string, unknown>;
  if (isIndex(index)) player.follow(index, direction === -1 ? -1 : 1);
}
