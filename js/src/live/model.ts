/** What the view shows and steers: the loop, as far as people are concerned. */
import type { Info, Settings, State } from "./state.js";

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Device {
  readonly id: string;
  readonly label: string;
}

export interface WebcamModel {
  readonly info: Info;
  readonly state: Readonly<State>;
  readonly settings: Settings;
  /** Whether the camera was asked for, and has not come yet. */
  readonly starting: boolean;
  /** The cameras that there are, once one was permitted. */
  readonly devices: readonly Device[];
  /** The camera that is used, or was chosen. */
  readonly deviceId: string;
  /** The most that the camera can do; null: not known. */
  readonly limits: Size | null;
  /** What the camera gives; null: it is off. */
  readonly size: Size | null;
  start(): Promise<void>;
  pause(): void;
  stop(): void;
  choose(device: string): Promise<void>;
  resize(size: Size): Promise<void>;
  set(change: Partial<Settings>): void;
}
