/** What tests/page/test_video_decoding.py does with video in a page. */
import { decodable } from "../../src/frames/codecs.js";
import { type Decoded, FrameDecoder } from "../../src/frames/decoder.js";
import { Screen } from "../../src/frames/screen.js";

interface Message {
  readonly data: string;
  readonly index: number;
}

interface Order {
  readonly codec: string;
  /** Addresses of images. */
  readonly pictures: readonly string[];
  /** Which become key frames. */
  readonly keys: readonly number[];
  /** Encode one colour as I420 of this kind, as a camera gives it; else the images as they are. */
  readonly colours?: VideoColorSpaceInit;
}

/** A step of tests/vectors/video.json. */
interface Step {
  readonly frame: Record<string, unknown>;
  readonly at?: number;
  readonly pixels?: readonly (readonly [number, number, unknown])[];
}

const screen = new Screen("video");
document.body.append(screen.canvas);
/** The pictures that were decoded; those that were closed have no format. */
let pictures: VideoFrame[] = [];
let wanted = 0;
let now = 0;
let decoder = fresh();

function fresh(): FrameDecoder {
  wanted = 0;
  const none = async () => Promise.reject(new Error("there are no bases"));
  const onKeyWanted = () => {
    wanted += 1;
  };
  return new FrameDecoder(none, { onKeyWanted, now: () => now });
}

function read(message: Message): unknown {
  return { ...message, data: Uint8Array.from(atob(message.data), (char) => char.charCodeAt(0)) };
}

/** Values in the notation of the vectors. */
function fromNotation(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { $bytes, $int } = value as { $bytes?: string; $int?: string };
  if ($int !== undefined) return BigInt($int);
  if ($bytes === undefined) return toMap(value as Record<string, unknown>);
  return Uint8Array.from($bytes.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

function toMap(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, v]) => [key, fromNotation(v)]));
}

/** Paints what was decoded; returns the code of the error if there was one. */
function paint(decoded: Decoded): string | null {
  if ("error" in decoded) return decoded.error.code;
  if (decoded.pixels instanceof VideoFrame) pictures.push(decoded.pixels);
  screen.paint(decoded.pixels, decoded.index);
  return null;
}

function colourAt(x: number, y: number): number[] {
  const data = screen.canvas.getContext("2d")?.getImageData(x, y, 1, 1).data;
  return [...(data ?? [])].slice(0, 3);
}

/** The rows of a picture of one colour, as cameras give them. */
function planes(width: number, height: number, [y, u, v]: readonly number[]): BufferSource {
  const data = new Uint8Array((width * height * 3) / 2).fill(v as number);
  data.fill(y as number, 0, width * height);
  data.fill(u as number, width * height, (width * height * 5) / 4);
  return data;
}

async function pictureOf(address: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

const actions = {
  async codecs() {
    return { codecs: await decodable(), isSecure: isSecureContext };
  },

  /** Decodes and paints frames one after the other. */
  async show(messages: readonly Message[]) {
    const shown: unknown[] = [];
    for (const message of messages) {
      const begun = performance.now();
      const decoded = await decoder.decode(read(message));
      const ms = performance.now() - begun;
      const code = paint(decoded);
      const { width, height } = screen.canvas;
      shown.push({ code, width, height, ms, url: screen.canvas.toDataURL() });
    }
    return shown;
  },

  /** Goes through a case of the vectors. */
  async vectors(steps: readonly Step[]) {
    decoder.close();
    decoder = fresh();
    now = 0;
    const results: unknown[] = [];
    for (const { frame, at, pixels } of steps) {
      now = at ?? now;
      try {
        const error = paint(await decoder.decode(toMap(frame)));
        const colours = error === null ? pixels?.map(([x, y]) => colourAt(x, y)) : null;
        const { width, height } = screen.canvas;
        results.push({ error, size: [width, height], colours, wants: wanted });
      } catch (error) {
        const { code } = error as { code: string };
        results.push({ error: code, rejected: true, wants: wanted });
      }
    }
    return results;
  },

  /** Hands frames in all at once, paints them all, or closes the decoder meanwhile. */
  async flood(messages: readonly Message[], closing: boolean) {
    const decoding = messages.map((message) => decoder.decode(read(message)));
    if (closing) decoder.close();
    const codes: (string | null)[] = [];
    for (const decoded of await Promise.all(decoding)) codes.push(paint(decoded));
    if (closing) decoder = fresh();
    return codes;
  },

  /** Encodes pictures as cameras' frames are; returns the chunks. */
  async encode({ codec, pictures: addresses, keys, colours }: Order) {
    const chunks: { data: string; type: string }[] = [];
    let failed: unknown = null;
    const encoder = new VideoEncoder({
      output: (chunk) => {
        const bytes = new Uint8Array(chunk.byteLength);
        chunk.copyTo(bytes);
        const data = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        chunks.push({ data, type: chunk.type });
      },
      error: (error) => {
        failed = error;
      },
    });
    for (const [i, address] of addresses.entries()) {
      const image = await pictureOf(address);
      const { naturalWidth: width, naturalHeight: height } = image;
      if (i === 0) {
        const avc = codec.startsWith("avc1") ? { avc: { format: "annexb" as const } } : {};
        const config = { codec, width, height, bitrate: 4e6, framerate: 30, ...avc };
        encoder.configure({ ...config, latencyMode: "realtime" });
      }
      const timestamp = i * 33_000;
      const size = { format: "I420", codedWidth: width, codedHeight: height } as const;
      const frame =
        colours === undefined
          ? new VideoFrame(image, { timestamp })
          : new VideoFrame(planes(width, height, [81, 90, 240]), {
              ...size,
              timestamp,
              colorSpace: colours,
            });
      encoder.encode(frame, { keyFrame: keys.includes(i) });
      frame.close();
    }
    await encoder.flush();
    encoder.close();
    if (failed !== null) throw failed;
    return chunks;
  },

  /** How many pictures there were since it was asked last, how many nobody closed, and how often a key frame was asked for. */
  state() {
    const state = {
      pictures: pictures.length,
      open: pictures.filter(({ format }) => format !== null).length,
      wanted,
    };
    pictures = [];
    return state;
  },
};

Object.assign(globalThis, { kcommVideo: actions });
