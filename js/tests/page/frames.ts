/** What tests/page/test_decoding.py does with frames in a page. */
import { type Decoded, FrameDecoder } from "../../src/frames/decoder.js";
import { sharedEngine } from "../../src/frames/engine.js";
import { Screen } from "../../src/frames/screen.js";

interface Message {
  readonly data: string;
  readonly key?: Message;
}

/** Messages come as JSON, their bytes as base64. */
function read(message: Message): unknown {
  const data = Uint8Array.from(atob(message.data), (char) => char.charCodeAt(0));
  return { ...message, data, ...(message.key ? { key: read(message.key) } : {}) };
}

let live = 0;
const create = globalThis.createImageBitmap.bind(globalThis);
const close = ImageBitmap.prototype.close;
// Counts the bitmaps that nobody closed.
globalThis.createImageBitmap = (async (source: ImageBitmapSource) => {
  live += 1;
  return create(source);
}) as typeof createImageBitmap;
ImageBitmap.prototype.close = function () {
  live -= 1;
  close.call(this);
};

const screen = new Screen("frames");
let bases: Record<string, Message> = {};
const decoder = new FrameDecoder(async (id) => read(bases[id] as Message));

function paint(decoded: Decoded): void {
  if ("error" in decoded) throw new Error(`${decoded.index}: ${decoded.error.message}`);
  screen.paint(decoded.pixels, decoded.index);
}

const actions = {
  /** Paints frames one after the other; returns what the canvas then holds. */
  async show(messages: readonly Message[], keys: Record<string, Message>) {
    bases = keys;
    const shown: { index: string | undefined; url: string }[] = [];
    for (const message of messages) {
      paint(await decoder.decode(read(message)));
      shown.push({ index: screen.canvas.dataset.index, url: screen.canvas.toDataURL() });
    }
    return shown;
  },

  /** Paints frames again and again, some of them ahead. */
  async repeat(messages: readonly Message[], count: number) {
    const values = messages.map(read);
    let ahead: Promise<Decoded>[] = [];
    for (let i = 0; i < count; i++) {
      ahead.push(decoder.decode(values[i % values.length]));
      if (ahead.length < 4) continue;
      paint(await (ahead.shift() as Promise<Decoded>));
    }
    for (const rest of ahead) paint(await rest);
    ahead = [];
    return actions.state();
  },

  state() {
    const { isOffThread, waiting } = sharedEngine();
    return { isOffThread, waiting, live, has: decoder.has() };
  },
};

document.body.append(screen.canvas);
Object.assign(globalThis, { kcommFrames: actions });
