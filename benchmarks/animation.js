// What the page does, as `window.bench`: it looks at what is painted, whoever painted it.
() => {
  if (window.bench) return;

  const PERIOD = 100;
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const repainted = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const now = () => performance.now();
  const state = {};
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  const sizeOf = (picture) =>
    picture instanceof HTMLImageElement
      ? [picture.naturalWidth, picture.naturalHeight]
      : [picture.width, picture.height];

  /** Copies columns of what an element shows, side by side. */
  function read(picture, columns, width, height) {
    const { canvas } = probe;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    probe.clearRect(0, 0, width, height);
    columns.forEach((x, i) => {
      probe.drawImage(picture, x, 0, 1, height, i, 0, 1, height);
    });
    return probe.getImageData(0, 0, width, height).data;
  }

  /**
   * Which frame of the wave an element shows: two heights of the line, a quarter of its length apart, are
   * the sine and the cosine of where it is. NaN: it shows no wave.
   */
  function phaseOf(picture) {
    const [width, height] = sizeOf(picture);
    if (width < 100 || height < 100) return Number.NaN;
    const column = (x) => Math.round(width * (0.125 + (0.775 * x) / 2));
    const data = read(picture, [column(1), column(1.25)], 2, height);
    const [sine, cosine] = [lineAt(data, 0, height), lineAt(data, 1, height)];
    const turns = Math.atan2(-sine, cosine) / (2 * Math.PI);
    return (Math.round(turns * PERIOD) + PERIOD) % PERIOD;
  }

  /** The line's height in a column, from -1 to 1: the middle of what is dark between the axes' edges. */
  function lineAt(data, column, height) {
    let [sum, weights] = [0, 0];
    for (let y = Math.ceil(0.12 * height) + 3; y < Math.floor(0.89 * height) - 3; y++) {
      const at = 4 * (2 * y + column);
      const dark = data[at + 3] > 0 ? 255 - data[at] : 0;
      if (dark < 50) continue;
      sum += dark * (y + 0.5);
      weights += dark;
    }
    return (4 * (0.505 - sum / weights / height)) / 0.77;
  }

  const outputOf = (cell) => kcommTests.cell(state.path, cell).outputArea.node;

  /** The element of a cell's output that shows the wave. */
  function find(cell) {
    for (const picture of outputOf(cell).querySelectorAll("canvas, img")) {
      try {
        if (!Number.isNaN(phaseOf(picture))) return picture;
      } catch {
        // A picture that is broken, or not there yet.
      }
    }
    return null;
  }

  /** What a cell shows, repaint by repaint. */
  class Watch {
    #picture;
    #eye;
    ticks = 0;
    painted = 0;
    lost = 0;
    reading = 0;

    constructor(cell) {
      this.cell = cell;
    }

    get phase() {
      return phaseOf(this.#picture);
    }

    /** Takes a look; true: this is another frame than before. */
    look() {
      const began = now();
      if (!this.#picture?.isConnected) {
        this.#eye?.close();
        this.#picture = find(this.cell);
        this.#eye = this.#picture && eyeFor(this.#picture);
      }
      const lost = this.#eye?.look() ?? null;
      this.ticks += 1;
      this.reading += now() - began;
      if (lost === null) return false;
      this.painted += 1;
      this.lost += lost;
      return true;
    }

    /** Counts from here on. */
    reset() {
      Object.assign(this, { ticks: 0, painted: 0, lost: 0, reading: 0 });
    }

    close() {
      this.#eye?.close();
    }

    /** The number of the frame that is there and a hash of its pixels; null: it has just gone. */
    async sample() {
      const [width, height] = sizeOf(this.#picture);
      const { phase } = this;
      if (Number.isNaN(phase)) return null;
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(this.#picture, 0, 0);
      const { data } = context.getImageData(0, 0, width, height);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
      return [phase, [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")];
    }
  }

  const eyeFor = (picture) =>
    picture instanceof HTMLImageElement ? new ImageEye(picture) : new CanvasEye(picture);

  /** Sees which frame a canvas shows. */
  class CanvasEye {
    #last;

    constructor(canvas) {
      this.canvas = canvas;
      this.#last = phaseOf(canvas);
    }

    /** The number of frames that were passed over before the one that is there now; null: it is no other. */
    look() {
      const phase = phaseOf(this.canvas);
      if (Number.isNaN(phase) || phase === this.#last) return null;
      const steps = (phase - this.#last + PERIOD) % PERIOD;
      this.#last = phase;
      return steps - 1;
    }

    close() {}
  }

  /**
   * Sees that an image has loaded another picture. Its pixels are not looked at: that would have the
   * browser decode each picture twice, at the cost of whoever shows images.
   */
  class ImageEye {
    #came = 0;
    #loaded = false;

    constructor(image) {
      this.image = image;
      this.observer = new MutationObserver((changes) => {
        this.#came += changes.length;
      });
      this.observer.observe(image, { attributeFilter: ["src"] });
      image.addEventListener("load", this.#load);
    }

    #load = () => {
      this.#loaded = true;
    };

    look() {
      if (!this.#loaded) return null;
      const lost = Math.max(0, this.#came - 1);
      this.#came = 0;
      this.#loaded = false;
      return lost;
    }

    close() {
      this.observer.disconnect();
      this.image.removeEventListener("load", this.#load);
    }
  }

  /** Has the kernel make one picture after the other. */
  async function executeAll(key, cell, signal) {
    const image = outputOf(cell).querySelector("img.executed");
    while (!signal.aborted) {
      const content = {
        code: "",
        silent: true,
        store_history: false,
        user_expressions: { v: `shown[${JSON.stringify(key)}].picture()` },
      };
      const future = state.kernel.requestExecute(content, false);
      const reply = await new Promise((resolve) => {
        future.onReply = resolve;
      });
      future.dispose();
      image.src = reply.content.user_expressions.v.data["text/plain"].slice(1, -1);
    }
  }
  let executing = new AbortController();

  window.bench = {
    async open(path) {
      state.path = path;
      state.kernel = kcommTests.panel(path).sessionContext.session.kernel;
      window.jupyterapp.shell.collapseLeft();
    },

    /** Scrolls to a cell's output, and waits until it shows a frame; gives back its size. */
    async shows(cell, patience) {
      const { content } = kcommTests.panel(state.path);
      for (const shown of content.widgets) shown.inputHidden = true;
      await content.scrollToItem(cell, "auto");
      for (const end = now() + patience; now() < end; await repainted()) {
        const picture = find(cell);
        if (!picture) continue;
        outputOf(cell).scrollIntoView({ block: "start" });
        return sizeOf(picture);
      }
      throw new Error("no frame was painted");
    },

    /** Runs a cell; gives back milliseconds until its output shows a frame. */
    async firstFrame(cell, patience) {
      const began = now();
      kcommTests.run(state.path, cell);
      while (now() - began < patience) {
        await repainted();
        if (find(cell)) return now() - began;
      }
      throw new Error("no frame was painted");
    },

    execute(key, cell) {
      executing = new AbortController();
      void executeAll(key, cell, executing.signal);
    },

    stopExecuting: () => executing.abort(),

    /** Waits for some time after a new frame has been painted, then counts those of some time. */
    async count(cells, warming, ms) {
      const patience = now() + 15_000;
      const waking = new Watch(cells[0]);
      waking.look();
      while (!waking.look()) {
        if (now() > patience) throw new Error("no other frame was painted");
        await repainted();
      }
      await sleep(warming);
      const watches = cells.map((cell) => new Watch(cell));
      await repainted();
      for (const watch of watches) {
        watch.look();
        watch.reset();
      }
      const began = now();
      while (now() - began < ms) {
        await repainted();
        for (const watch of watches) watch.look();
      }
      const seconds = (now() - began) / 1000;
      for (const watch of [waking, ...watches]) watch.close();
      return watches.map(({ ticks, painted, lost, reading }) => ({
        rate: painted / seconds,
        display: ticks / seconds,
        painted,
        lost,
        reading: reading / ticks,
      }));
    },

    /** Counts until so many frames were painted. */
    async countTo(cell, frames) {
      const watch = new Watch(cell);
      const end = now() + 300_000;
      while (watch.painted < frames && now() < end) {
        await repainted();
        watch.look();
      }
      watch.close();
      return watch.painted;
    },

    /** Takes some of the frames that are painted: their numbers and hashes. */
    async samples(cell, count) {
      const watch = new Watch(cell);
      const found = [];
      const end = now() + 15_000;
      while (found.length < count && now() < end) {
        await repainted();
        if (watch.look()) found.push(await watch.sample());
      }
      watch.close();
      return found.filter((sample) => sample !== null);
    },

    outputBytes: (cell) => JSON.stringify(kcommTests.outputs(state.path, cell)).length,
  };
};
