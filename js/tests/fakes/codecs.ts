/** Browsers' pictures and encoders, for tests in Node. */
import { vi } from "vitest";

export class FakeVideoFrame {
  static open = 0;
  readonly displayWidth: number;
  readonly displayHeight: number;
  readonly visibleRect: { width: number; height: number };
  readonly timestamp: number;
  readonly format = "I420";
  readonly colorSpace = { fullRange: false };
  isClosed = false;

  constructor(source: { width: number; height: number }, { timestamp = 0 } = {}) {
    const { width, height } = source;
    [this.displayWidth, this.displayHeight] = [width, height];
    this.visibleRect = { width, height };
    this.timestamp = timestamp;
    FakeVideoFrame.open += 1;
  }

  allocationSize({ format = "I420" } = {}): number {
    const { width, height } = this.visibleRect;
    return width * height * (format === "RGBX" ? 4 : 1.5);
  }

  /** Pixels are 1, 2, 3; luma is 125, which is half way to white. */
  async copyTo(data: Uint8Array, { format = "I420" } = {}) {
    const { width } = this.visibleRect;
    if (format === "RGBX") {
      for (let i = 0; i < data.length; i++) data[i] = (i % 4) + 1;
      return [{ offset: 0, stride: 4 * width }];
    }
    data.fill(125);
    return [{ offset: 0, stride: width }];
  }

  close(): void {
    if (this.isClosed) throw new Error("closed twice");
    this.isClosed = true;
    FakeVideoFrame.open -= 1;
  }
}

interface Init {
  output(chunk: unknown): void;
  error(error: Error): void;
}

/** Gives one byte a frame: 1 for a key frame, else 0. */
export class FakeVideoEncoder {
  static made: FakeVideoEncoder[] = [];
  static unsupported: string[] = [];
  /** Frames that are left out. */
  static missing = 0;
  /** Called for each frame; may throw. */
  static onEncode: () => void = () => {};
  state = "unconfigured";
  readonly configs: VideoEncoderConfig[] = [];
  #isFirst = true;

  constructor(readonly init: Init) {
    FakeVideoEncoder.made.push(this);
  }

  static async isConfigSupported({ codec }: VideoEncoderConfig) {
    const supported = !FakeVideoEncoder.unsupported.some((prefix) => codec.startsWith(prefix));
    return { supported };
  }

  configure(config: VideoEncoderConfig): void {
    this.configs.push(config);
    this.state = "configured";
  }

  encode({ timestamp }: { timestamp: number }, { keyFrame = false } = {}): void {
    FakeVideoEncoder.onEncode();
    if (FakeVideoEncoder.missing > 0) {
      FakeVideoEncoder.missing -= 1;
      return;
    }
    const isKey = keyFrame || this.#isFirst;
    this.#isFirst = false;
    const copyTo = (data: Uint8Array) => data.fill(Number(isKey));
    const type = isKey ? "key" : "delta";
    this.init.output({ type, timestamp, byteLength: 1, copyTo });
  }

  close(): void {
    this.state = "closed";
  }
}

class FakeOffscreenCanvas {
  constructor(
    public width: number,
    public height: number,
  ) {}

  getContext() {
    const getImageData = () => ({
      data: new Uint8ClampedArray(4 * this.width * this.height).fill(100),
    });
    return { drawImage() {}, getImageData };
  }

  async convertToBlob({ type }: { type: string }) {
    return new Blob([new Uint8Array([0xff, 0xd8])], { type });
  }
}

export function fakeCodecs(): void {
  FakeVideoFrame.open = 0;
  FakeVideoEncoder.made = [];
  FakeVideoEncoder.unsupported = [];
  FakeVideoEncoder.missing = 0;
  FakeVideoEncoder.onEncode = () => {};
  vi.stubGlobal("VideoFrame", FakeVideoFrame);
  vi.stubGlobal("VideoEncoder", FakeVideoEncoder);
  vi.stubGlobal("OffscreenCanvas", FakeOffscreenCanvas);
}
