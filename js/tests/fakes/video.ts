/** A browser's video decoder, for tests in Node: pictures are the numbers of their chunks. */
import { vi } from "vitest";

interface FakeRect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export class FakeVideoFrame {
  readonly timestamp: number;
  readonly visibleRect: FakeRect;
  closed = 0;

  constructor(source: { timestamp: number }, { visibleRect }: { visibleRect: FakeRect }) {
    this.timestamp = source.timestamp;
    this.visibleRect = visibleRect;
    pictures.push(this);
  }

  close(): void {
    this.closed += 1;
  }
}

/** All pictures there ever were. */
export const pictures: FakeVideoFrame[] = [];

interface Chunk {
  readonly type: "key" | "delta";
  readonly timestamp: number;
  readonly data: Uint8Array;
}

export class FakeVideoDecoder {
  state: CodecState = "unconfigured";
  readonly configs: VideoDecoderConfig[] = [];
  readonly chunks: Chunk[] = [];
  /** Whether it takes frames, and does not answer. */
  mute = false;
  /** Of the pictures it makes; null: as it was configured. */
  size: { width: number; height: number } | null = null;
  /** Whether data are broken. */
  isBroken: (data: Uint8Array) => boolean = () => false;

  constructor(readonly init: VideoDecoderInit) {}

  configure(config: VideoDecoderConfig): void {
    this.configs.push(config);
    this.state = "configured";
  }

  decode(chunk: EncodedVideoChunk): void {
    const given = chunk as unknown as Chunk;
    this.chunks.push(given);
    if (!this.mute) setTimeout(() => this.answer(given));
  }

  answer({ timestamp, data }: Chunk): void {
    if (this.state === "closed") return;
    if (this.isBroken(data)) {
      this.state = "closed";
      this.init.error(new DOMException("Decoding error.", "EncodingError"));
      return;
    }
    const { codedWidth = 0, codedHeight = 0 } = this.configs.at(-1) ?? {};
    const { width, height } = this.size ?? { width: codedWidth, height: codedHeight };
    const visibleRect = { x: 0, y: 0, width, height };
    this.init.output(new FakeVideoFrame({ timestamp }, { visibleRect }) as unknown as VideoFrame);
  }

  close(): void {
    if (this.state === "closed") throw new DOMException("It is closed.", "InvalidStateError");
    this.state = "closed";
  }
}

/** Gives the page pictures and chunks; its decoders are made by the tests. */
export function fakeVideo(): void {
  vi.stubGlobal("VideoFrame", FakeVideoFrame);
  vi.stubGlobal(
    "EncodedVideoChunk",
    class {
      constructor(init: Chunk) {
        Object.assign(this, init);
      }
    },
  );
}
