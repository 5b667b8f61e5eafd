/** The worker's end: it takes a camera's pictures, and gives encoded ones when they are wanted. */
import { type Answer, Capturer, type Wanted } from "./capturing.js";

/** The page's clock: the time on it, and when it began, in milliseconds since 1970. */
export interface Clock {
  readonly now: number;
  readonly origin: number;
}

/** From the page. */
export type Order =
  | { readonly readable: ReadableStream<VideoFrame> }
  | { readonly track: MediaStreamTrack }
  | { readonly picture: VideoFrame | ImageBitmap; readonly time: number }
  | { readonly tick: number }
  | { readonly want: Wanted; readonly clock: Clock }
  | { readonly cancel: number }
  | { readonly ping: true }
  /** Pictures are posted from now on. */
  | { readonly leave: true }
  /** It will be terminated: it closes the pictures that it has. */
  | { readonly close: true };

/** To the page. */
export type Reply =
  | { readonly answer: Answer }
  /** It lives; `isStarved`: a picture is wanted, and none came. */
  | { readonly pong: true; readonly isStarved: boolean }
  /** It can't take pictures from a track by itself: they must be posted to it. */
  | { readonly feed: true };

/** The part of a worker's global scope that is used; the project's types are those of a page. */
export interface Scope {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(reply: Reply, transfer: Transferable[]): void;
}

/** Takes a track's pictures; Chromium has it on pages and in workers, Safari in workers alone. */
export interface Processor {
  readonly readable: ReadableStream<VideoFrame>;
}

type ProcessorClass = new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => Processor;

/** Returns null where the browser has none here. */
export function processorOf(track: MediaStreamTrack): Processor | null {
  const { MediaStreamTrackProcessor: Class } = globalThis as {
    MediaStreamTrackProcessor?: ProcessorClass;
  };
  return Class === undefined ? null : new Class({ track, maxBufferSize: 1 });
}

export function serve(scope: Scope): void {
  // A worker's clock begins with the worker. Where the computer's clock was set meanwhile, the origins tell too little; but messages come
  // after they were sent.
  let ahead: number | null = null;
  const follows = ({ now, origin }: Clock) => {
    const least = now - performance.now();
    ahead = Math.max(ahead ?? performance.timeOrigin - origin, least);
  };
  const now = () => performance.now() + (ahead ?? 0);
  const capturer = new Capturer((answer) => {
    const shot = "shot" in answer ? answer.shot : null;
    scope.postMessage({ answer }, shot === null ? [] : [shot.data.buffer]);
  }, now);
  const needFeed = () => scope.postMessage({ feed: true }, []);
  const follow = (readable: ReadableStream<VideoFrame>) => {
    capturer.follow(readable).catch(needFeed);
  };
  /** A copy of the page's, which holds the camera as well. */
  let track: MediaStreamTrack | null = null;
  const takeTrack = (copy: MediaStreamTrack) => {
    track?.stop(); // Of the size before.
    track = copy;
    const processor = processorOf(copy);
    if (processor !== null) follow(processor.readable);
    else {
      copy.stop(); // It is of no use here, and holds the camera.
      needFeed();
    }
  };
  scope.onmessage = ({ data: order }) => {
    if ("want" in order) {
      follows(order.clock);
      capturer.want(order.want);
    } else if ("picture" in order) capturer.put(order.picture, order.time);
    else if ("tick" in order) capturer.tick(order.tick);
    else if ("cancel" in order) capturer.cancel(order.cancel);
    else if ("readable" in order) follow(order.readable);
    else if ("track" in order) takeTrack(order.track);
    else if ("close" in order) {
      capturer.close();
      track?.stop();
    } else if ("leave" in order) {
      capturer.leave();
      track?.stop();
    } else scope.postMessage({ pong: true, isStarved: capturer.isStarved }, []);
  };
}
