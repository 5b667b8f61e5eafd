// What the page does, as `window.bench`: it reads the number of each frame that is painted, whoever painted
// it, and, in a worker, of each frame of the camera. `window.readNumber` is the clip's own reader.
() => {
  if (window.bench) return;

  const taps = window.benchTaps;
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const repainted = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const now = () => performance.now();
  const state = {};

  const outputOf = (cell) => kcommTests.cell(state.path, cell).outputArea.node;

  /** All elements below one, those in shadow trees included. */
  function* elementsBelow(node) {
    for (const element of node.querySelectorAll("*")) {
      yield element;
      if (element.shadowRoot) yield* elementsBelow(element.shadowRoot);
    }
  }

  /** The element of a cell's output that shows the result: the camera's own picture is in a `video`. */
  function find(cell, selector) {
    for (const element of elementsBelow(outputOf(cell))) {
      if (element.matches(selector) && element.getBoundingClientRect().width > 50) return element;
    }
    return null;
  }

  // -- the camera ----------------------------------------------------------------------------------------

  const WORKER = `
    onmessage = async ({ data: { frames, bits, share } }) => {
      const reader = frames.getReader();
      for (;;) {
        const { value: frame, done } = await reader.read();
        if (done) break;
        const time = performance.timeOrigin + performance.now();
        const block = frame.codedWidth * share;
        const width = 2 * Math.ceil(bits * block / 2);
        const rect = { x: 0, y: 2 * Math.floor(block / 4), width, height: 2 };
        const bytes = new Uint8Array(frame.allocationSize({ rect }));
        const [{ offset }] = await frame.copyTo(bytes, { rect });
        frame.close();
        // The first plane is grey, in whatever order the colours come.
        let number = 0;
        for (let bit = 0; bit < bits; bit++) {
          number = 2 * number + (bytes[offset + Math.floor((bit + 0.5) * block)] > 127 ? 1 : 0);
        }
        postMessage([number, time]);
      }
    };
  `;

  /** Reads the numbers that the camera gives, and when: from a track of its own, in a thread of its own. */
  class CameraReader {
    #track;
    #worker;
    seen = [];

    constructor(stream) {
      this.#track = stream.getVideoTracks()[0].clone();
      const { readable } = new MediaStreamTrackProcessor({ track: this.#track });
      const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
      this.#worker = new Worker(url);
      URL.revokeObjectURL(url);
      this.#worker.onmessage = ({ data: [number, time] }) => {
        this.seen.push([number, time - performance.timeOrigin]);
      };
      const { bits, share } = state;
      this.#worker.postMessage({ frames: readable, bits, share }, [readable]);
    }

    close() {
      this.#track.stop();
      this.#worker.terminate();
    }

    /** Now and then Chromium leaves a worker without the pictures of a track: then it is tried anew. */
    static async open(stream) {
      for (let tries = 0; tries < 5; tries++) {
        const reader = new CameraReader(stream);
        const end = now() + 1000;
        while (now() < end) {
          if (reader.seen.length > 1) return reader;
          await sleep(20);
        }
        reader.close();
      }
      throw new Error("the camera gives no pictures");
    }
  }

  // -- what is painted -----------------------------------------------------------------------------------

  /** Sees which frame a canvas shows. */
  class CanvasEye {
    #last = null;

    constructor(canvas, isEdges) {
      this.canvas = canvas;
      this.isEdges = isEdges;
    }

    /** The number of the frame that is there; null: it is the one of before. */
    look() {
      const number = readNumber(this.canvas, this.isEdges);
      if (number === null || number === this.#last) return null;
      this.#last = number;
      return number;
    }

    close() {}
  }

  /**
   * Sees that an image has loaded another picture. Where only their rate is wanted, its pixels are not looked
   * at: that would have the browser decode each picture twice, at the cost of whoever shows images.
   */
  class ImageEye {
    #loaded;

    constructor(image, isEdges, isRead) {
      this.image = image;
      this.isEdges = isEdges;
      this.isRead = isRead;
      // Some put another element in the place of the last one.
      this.#loaded = image.complete && image.naturalWidth > 0;
      image.addEventListener("load", this.#load);
    }

    #load = () => {
      this.#loaded = true;
    };

    look() {
      if (!this.#loaded) return null;
      this.#loaded = false;
      return this.isRead ? readNumber(this.image, this.isEdges) : -1;
    }

    close() {
      this.image.removeEventListener("load", this.#load);
    }
  }

  const eyeFor = (picture, isEdges, isRead) =>
    picture instanceof HTMLImageElement
      ? new ImageEye(picture, isEdges, isRead)
      : new CanvasEye(picture, isEdges);

  /** What a cell paints, repaint by repaint: [number, time] of each frame. */
  class Watch {
    #picture = null;
    #eye = null;
    #closed = false;
    ticks = 0;
    painted = [];

    constructor(cell, { selector, isEdges, isRead }) {
      const look = () => {
        if (this.#closed) return;
        taps.beforePaint(look);
        this.ticks += 1;
        if (!this.#picture?.isConnected) {
          this.#eye?.close();
          this.#picture = find(cell, selector);
          this.#eye = this.#picture && eyeFor(this.#picture, isEdges, isRead);
        }
        const number = this.#eye?.look() ?? null;
        if (number !== null) this.painted.push([number, now()]);
      };
      taps.beforePaint(look);
    }

    get size() {
      const picture = this.#picture;
      return picture
        ? [picture.naturalWidth ?? picture.width, picture.naturalHeight ?? picture.height]
        : [];
    }

    close() {
      this.#closed = true;
      this.#eye?.close();
    }
  }

  window.bench = {
    open(path, { width, height, bits, share }) {
      Object.assign(state, { path, bits, share });
      taps.size = { width: { exact: width }, height: { exact: height } };
      window.jupyterapp.shell.collapseLeft();
    },

    /** Scrolls to a cell's output. */
    async look(cell) {
      const { content } = kcommTests.panel(state.path);
      for (const shown of content.widgets) shown.inputHidden = true;
      await content.scrollToItem(cell, "auto");
      await repainted();
      outputOf(cell).scrollIntoView({ block: "start" });
    },

    /** Runs code in the kernel; one whose connection was lost never answers. */
    async execute(code, patience) {
      const { status, ename, evalue } = await Promise.race([
        kcommTests.execute(state.path, code, null),
        sleep(patience).then(() => {
          throw new Error(`the kernel did not answer within ${patience / 1000} s`);
        }),
      ]);
      if (status !== "ok") throw new Error(`${ename}: ${evalue}`);
    },

    /** Waits until a contender that was started has painted a frame, and some time more. */
    async begin(cell, options, warming, patience) {
      const end = now() + patience;
      const watch = new Watch(cell, options);
      state.watch = watch;
      const isLive = () =>
        taps.stream?.getVideoTracks().some(({ readyState }) => readyState === "live");
      while (!isLive()) {
        if (now() > end) throw new Error("the camera was not asked for");
        await sleep(5);
      }
      state.reader = await CameraReader.open(taps.stream);
      while (watch.painted.length < 2) {
        if (now() > end) throw new Error("no frame was painted");
        await sleep(20);
      }
      await sleep(warming);
    },

    /** Lets some time go by; gives back what was painted and carried meanwhile, and since when. */
    async count(ms) {
      const { watch, reader } = state;
      const [since, ticks, up, down] = [now(), watch.ticks, taps.up, taps.down];
      await sleep(ms);
      const until = now();
      const seconds = (until - since) / 1000;
      const within = (events) => events.filter(([, time]) => time > since && time <= until).length;
      return {
        since,
        until,
        rate: within(watch.painted) / seconds,
        camera: within(reader.seen) / seconds,
        display: (watch.ticks - ticks) / seconds,
        frames: within(watch.painted),
        up: taps.up - up,
        down: taps.down - down,
        size: watch.size,
      };
    },

    /** Gives back everything seen since the beginning, and forgets it. */
    end() {
      const { watch, reader } = state;
      watch?.close();
      reader?.close();
      Object.assign(state, { watch: null, reader: null });
      return { painted: watch?.painted ?? [], seen: reader?.seen ?? [] };
    },
  };
};
