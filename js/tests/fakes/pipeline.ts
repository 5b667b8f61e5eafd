/** A camera's pipeline in simulated time: serial stages, a link, and a kernel that keeps the newest undone frame. */
import { Adapting, type Plan, type Wish } from "../../src/live/adapting.js";
import { Pacer } from "../../src/live/pacing.js";

/** Milliseconds; `jitter` is the share by which each time varies, `loss` of frames each way. */
export interface Conditions {
  readonly period: number;
  readonly encode: number;
  readonly up: Leg;
  readonly kernel: { readonly service: number; readonly workers: number };
  readonly down: Leg;
  readonly paint: number;
  readonly jitter: number;
  readonly loss: number;
  readonly seed: number;
  /** Bytes in a millisecond that the link carries each way; undefined: any. */
  readonly link?: number;
  /** Until when the link carries nothing; what is on it then arrives, all at once. */
  readonly held?: number;
}

/** What frames take on the link. */
export interface Adaptive {
  readonly wish: Wish;
  readonly codec: string;
  /** Bytes of a camera frame, and of its result. */
  readonly bytes: (plan: Plan) => { up: number; down: number };
}

/** `serial`: what a frame keeps the link busy for; `transit`: what it then takes to arrive. */
export interface Leg {
  readonly transit: number;
  readonly serial: number;
}

interface Job {
  readonly index: number;
  readonly captured: number;
  stages: number;
  waited: number;
  pace: number;
  arrived: number;
  readonly bytes: { readonly up: number; readonly down: number };
}

export interface Outcome {
  /** When each frame was painted, and how long after its capture. */
  readonly painted: number[];
  readonly delays: number[];
  /** Frames painted in a millisecond, in the second half. */
  readonly rate: number;
  /** The most frames that were under way. */
  readonly most: number;
  /** What was planned for each frame, and what went over the link. */
  readonly plans: { at: number; plan: Plan }[];
  readonly traffic: { at: number; bytes: number }[];
}

/** A stage that does one thing after the other. */
class Serial {
  #free = 0;

  done(now: number, takes: number): number {
    this.#free = Math.max(this.#free, now) + takes;
    return this.#free;
  }
}

export function simulate(
  conditions: Conditions,
  length: number,
  at: (now: number) => Conditions = () => conditions,
  wish = 0,
  adaptive: Adaptive | null = null,
): Outcome {
  const random = generator(conditions.seed);
  const events: { time: number; order: number; run: () => void }[] = [];
  let [now, order, most, index] = [0, 0, 0, 0];
  const schedule = (time: number, run: () => void) => {
    events.push({ time: Math.max(now, time), order: order++, run });
  };
  const vary = (value: number) => value * (1 + at(now).jitter * (2 * random() - 1) * 0.9);
  const isLost = () => random() < at(now).loss;
  const pacer = new Pacer();
  pacer.period = conditions.period;
  pacer.wish = wish;
  const [encoder, up, down, painter] = [new Serial(), new Serial(), new Serial(), new Serial()];
  const painted: number[] = [];
  const delays: number[] = [];
  const adapting = adaptive === null ? null : new Adapting(adaptive.wish);
  const plans: Outcome["plans"] = [];
  const traffic: Outcome["traffic"] = [];

  let newest: number | null = null;
  let wakeAt = 0;
  let isEncoding = false;
  const send = () => {
    const wait = adapting?.wait(pacer.underWay, now) ?? 0;
    if (wait > 0 && wakeAt <= now) {
      wakeAt = now + Math.max(1, wait);
      schedule(wakeAt, send);
    }
    const { lost } = pacer;
    const isFull = pacer.isFull(now);
    if (pacer.lost > lost) adapting?.lost(now);
    if (wait > 0 || newest === null || isEncoding || isFull) return;
    const plan = adaptive === null ? null : (adapting?.plan(adaptive.codec, now) ?? null);
    if (plan !== null) pacer.wish = plan.interval;
    if (newest < pacer.notBefore) return;
    const captured = newest;
    newest = null;
    isEncoding = true;
    const takes = vary(at(now).encode);
    const taken = now;
    schedule(encoder.done(now, takes), () => {
      isEncoding = false;
      pacer.sent(index, taken, now, takes);
      most = Math.max(most, pacer.underWay);
      const bytes =
        plan === null ? { up: 0, down: 0 } : (adaptive?.bytes(plan) ?? { up: 0, down: 0 });
      if (plan !== null && adaptive !== null) {
        const side = plan.scale * adaptive.wish.width;
        const planned = adapting?.planned(adaptive.codec, side, side * 0.75, plan) ?? null;
        adapting?.sent(bytes.up, adaptive.codec, planned, now);
        plans.push({ at: now, plan });
        traffic.push({ at: now, bytes: bytes.up });
      }
      const fresh = { stages: takes, waited: 0, pace: 0, arrived: 0 };
      const job: Job = { index: index++, captured, bytes, ...fresh };
      if (!isLost()) travel(up, at(now).up, bytes.up, () => arrive(job));
      schedule(pacer.expiry, send);
      send();
    });
  };
  const travel = (line: Serial, leg: Leg, bytes: number, run: () => void) => {
    const { link, held } = at(now);
    const carrying = bytes / (link ?? Number.POSITIVE_INFINITY);
    schedule(
      line.done(Math.max(now, held ?? 0), vary(leg.serial) + carrying) + vary(leg.transit),
      run,
    );
  };

  // The kernel.
  let waiting: Job | null = null;
  let busy = 0;
  const arrive = (job: Job) => {
    if (waiting !== null && waiting.index > job.index) return;
    waiting = { ...job, arrived: now };
    work();
  };
  const work = () => {
    const { service, workers } = at(now).kernel;
    if (waiting === null || busy >= workers) return;
    const job = waiting;
    waiting = null;
    busy += 1;
    const takes = vary(service);
    job.waited = now - job.arrived;
    job.stages += takes;
    job.pace = takes / workers;
    schedule(now + takes, () => {
      busy -= 1;
      finish(job);
      work();
    });
  };
  let last = -1;
  const finish = (job: Job) => {
    if (job.index < last) return; // Order is kept.
    last = job.index;
    if (!isLost()) travel(down, at(now).down, job.bytes.down, () => show(job));
  };
  const show = (job: Job) => {
    const takes = vary(at(now).paint);
    schedule(painter.done(now, takes), () => {
      const delay = now - job.captured;
      painted.push(now);
      delays.push(delay);
      const { waited, pace } = job;
      const stages = job.stages + takes;
      const isLonger = pacer.came(job.index, now, { delay, stages, waited, pace, shown: takes });
      if (isLonger) adapting?.forgive();
      adapting?.came(job.bytes.down, job.bytes.up, pacer.queue, delay, now);
      if (adaptive !== null) traffic.push({ at: now, bytes: job.bytes.down });
      send();
    });
  };

  const film = () => {
    newest = now;
    send();
    schedule(now + vary(at(now).period), film);
  };
  film();
  while (events.length > 0 && now < length) {
    let first = 0;
    for (let i = 1; i < events.length; i++) {
      const [a, b] = [events[i], events[first]] as [(typeof events)[0], (typeof events)[0]];
      if (a.time < b.time || (a.time === b.time && a.order < b.order)) first = i;
    }
    const [event] = events.splice(first, 1);
    if (event === undefined) break;
    now = event.time;
    event.run();
  }
  const rate = painted.filter((time) => time >= length / 2).length / (length / 2);
  return { painted, delays, rate, most, plans, traffic };
}

/** Mulberry32: the same numbers for the same seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
