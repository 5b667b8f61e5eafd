/** What this page can decode. */
import type { Codec } from "./frame.js";

/** Codecs whose frames need nothing of the browser that some lack, best first. */
export const DECODABLE: readonly Codec[] = [
  "delta",
  "qoi",
  "qoiz",
  "zlib",
  "png",
  "webp",
  "jpeg",
  "raw",
  "rgb",
  "grey",
];

/** Codecs of frames that build on the one before, best first. */
export const VIDEO = ["h264", "vp9"] as const;
export type VideoCodec = (typeof VIDEO)[number];

/** Milliseconds within which a browser tells what it can do. */
const PATIENCE = 1000;
/** A profile and size that webcams need; what a stream has shows in its key frames. */
const STRINGS: Readonly<Record<VideoCodec, string>> = {
  h264: "avc1.42e01f",
  vp9: "vp09.00.31.08",
};

const preferences = new Map<VideoCodec, HardwareAcceleration>();
let known: Promise<readonly Codec[]> | null = null;

/** What this page can decode, best first; named in HELLO. It asks the browser once. */
export function decodable(): Promise<readonly Codec[]> {
  known ??= findOut();
  return known;
}

/**
 * Where a codec is decoded. In software, if it can be: a picture is there within a millisecond or two, where the way to the graphics
 * processor and back takes several.
 */
export function preferenceFor(codec: VideoCodec): HardwareAcceleration {
  return preferences.get(codec) ?? "no-preference";
}

async function findOut(): Promise<readonly Codec[]> {
  // Insecure origins have none, nor have old browsers.
  if (typeof VideoDecoder === "undefined") return DECODABLE;
  const readable = await Promise.all(VIDEO.map(isReadable));
  return [...VIDEO.filter((_, i) => readable[i]), ...DECODABLE];
}

async function isReadable(codec: VideoCodec): Promise<boolean> {
  for (const preference of ["prefer-software", "no-preference"] as const) {
    if (!(await isSupported(STRINGS[codec], preference))) continue;
    preferences.set(codec, preference);
    return true;
  }
  return false;
}

async function isSupported(codec: string, hardwareAcceleration: HardwareAcceleration) {
  const config = { codec, codedWidth: 640, codedHeight: 480, hardwareAcceleration };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE);
  });
  try {
    const answer = VideoDecoder.isConfigSupported({ ...config, optimizeForLatency: true });
    const told = await Promise.race([answer, late]);
    return told !== false && told.supported === true;
  } catch {
    return false; // It does not know the words.
  } finally {
    clearTimeout(timer);
  }
}
