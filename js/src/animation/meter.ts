/** What a player measures while frames go by. */
import { RateMeter, RunningMean } from "../frames/meters.js";
import type { Decoder, Picture } from "./drawn.js";

/** Mean milliseconds of every stage, from the figure to the screen. */
export type Stages = Record<"draw" | "encode" | "decode" | "paint", number>;

export class Meter {
  codec = "";
  /** Pixels of the newest frame. */
  width = 0;
  height = 0;
  readonly #rate = new RateMeter();
  readonly #bytes = new RunningMean();
  readonly #stages = {
    draw: new RunningMean(),
    encode: new RunningMean(),
    decode: new RunningMean(),
    paint: new RunningMean(),
  };

  /** Painted frames a second. */
  rate(now: number): number {
    return this.#rate.rate(now);
  }

  /** Mean bytes of a frame as it travelled. */
  get bytes(): number {
    return this.#bytes.value;
  }

  get stages(): Stages {
    const { draw, encode, decode, paint } = this.#stages;
    return { draw: draw.value, encode: encode.value, decode: decode.value, paint: paint.value };
  }

  /** A decoder whose times are taken. */
  timing(decoder: Decoder): Decoder {
    return {
      decode: async (value) => {
        const began = performance.now();
        const decoded = await decoder.decode(value);
        this.#stages.decode.add(performance.now() - began);
        return decoded;
      },
      has: () => decoder.has(),
      close: () => decoder.close(),
    };
  }

  /** Takes note of a frame that was painted between two moments. */
  painted(picture: Picture, began: number, ended: number): void {
    const { codec, width, height, bytes, ms } = picture;
    this.codec = codec;
    this.width = width;
    this.height = height;
    this.#bytes.add(bytes);
    if (ms.draw !== undefined) this.#stages.draw.add(ms.draw);
    if (ms.encode !== undefined) this.#stages.encode.add(ms.encode);
    this.#stages.paint.add(ended - began);
    this.#rate.add(began);
  }

  /** Frames a second are counted anew. */
  restart(): void {
    this.#rate.reset();
  }
}
