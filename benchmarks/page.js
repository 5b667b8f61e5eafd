// What the page does, as `window.bench`. Every function gives back milliseconds, or what it counted.
() => {
  if (window.bench) return;

  /** A raw comm as JupyterLab makes it; answers are told apart by a number. */
  class Raw {
    #n = 0;
    #waiting = new Map();
    onItem = () => {};

    static async open(kernel) {
      const raw = new Raw();
      raw.comm = kernel.createComm("raw");
      raw.comm.onMsg = (message) => raw.#take(message);
      // Its messages would wait behind a running cell, and change their order, before that.
      await Promise.race([raw.comm.subshellStarted, sleep(2000)]);
      raw.comm.open({});
      return raw;
    }

    send(data, buffers = []) {
      return this.comm.send(data, {}, buffers);
    }

    ask(data, buffers) {
      const n = ++this.#n;
      return new Promise((resolve) => {
        this.#waiting.set(n, resolve);
        this.send({ ...data, n }, buffers);
      });
    }

    #take({ content, buffers }) {
      const { n } = content.data;
      if (n === undefined) {
        this.onItem(content.data);
        return;
      }
      this.#waiting.get(n)?.({ ...content.data, buffers });
      this.#waiting.delete(n);
    }
  }

  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const now = () => performance.now();
  const state = {};
  const WARMING = 3;

  async function execute(expression) {
    const content = {
      code: "",
      silent: true,
      store_history: false,
      user_expressions: { v: expression },
    };
    const future = state.kernel.requestExecute(content, false);
    const reply = await new Promise((resolve) => {
      future.onReply = resolve;
    });
    future.dispose();
    return reply.content.user_expressions.v;
  }

  const CALLS = {
    kcomm: (n) => state.channel.call("echo", [n]),
    "kcomm, async handler": (n) => state.channel.call("echo_async", [n]),
    "raw comm": (n) => state.raw.ask({ do: "echo", v: n }),
    "kernel.execute": (n) => execute(`echo(${n})`),
  };

  /** Ask for so many messages, and hear each; give back what ends that. */
  const DOWN = {
    kcomm(count, take) {
      const stop = state.channel.on("item", take);
      void state.channel.call("burst", [count], { timeout: 0 });
      return stop;
    },
    "kcomm, a stream"(count, take) {
      const read = async () => {
        for await (const _ of state.channel.stream("numbers", [count], { window: 1000 })) take();
      };
      void read();
      return () => {};
    },
    "raw comm"(count, take) {
      state.raw.onItem = take;
      void state.raw.ask({ do: "burst", items: count });
      return () => {
        state.raw.onItem = () => {};
      };
    },
  };

  async function each(count, work) {
    const times = [];
    for (let i = 0; i < count; i++) {
      const began = now();
      await work(i);
      times.push(now() - began);
    }
    return times;
  }

  /** Counts what comes until it is all there, or nothing has come for a while. */
  function counter(wanted, quiet) {
    let got = 0;
    let last = now();
    let finish;
    const done = new Promise((resolve) => {
      finish = resolve;
    });
    const watch = setInterval(() => {
      if (now() - last > quiet) stop();
    }, 100);
    const stop = () => {
      clearInterval(watch);
      finish({ got, last });
    };
    const take = () => {
      got += 1;
      last = now();
      if (got >= wanted) stop();
    };
    return { take, done };
  }

  window.bench = {
    async open(path) {
      state.kernel = kcommTests.panel(path).sessionContext.session.kernel;
      state.channel = await kcomm.connect("bench", { kernel: state.kernel });
      state.raw = await Raw.open(state.kernel);
      await state.raw.ask({ do: "echo" });
    },

    /** Calls one after the other; a few before them wake what was idle. */
    async calls(contender, count) {
      await each(WARMING, CALLS[contender]);
      return each(count, CALLS[contender]);
    },

    /** Calls at once, `atOnce` of them at a time; gives back how many a second. */
    async manyCalls(contender, count, atOnce) {
      const began = now();
      for (let done = 0; done < count; done += atOnce) {
        const batch = Array.from({ length: Math.min(atOnce, count - done) }, (_, i) => done + i);
        await Promise.all(batch.map((n) => CALLS[contender](n)));
      }
      return (1000 * count) / (now() - began);
    },

    /** Messages to the kernel that nobody answers; then it says how many came. */
    async eventsUp(contender, count) {
      const began = now();
      let counted = 0;
      if (contender === "kcomm") {
        for (let i = 0; i < count; i++) {
          state.channel.emit("count", i);
          // At most a thousand events of a topic wait to leave; they do at the end of the turn.
          if (i % 500 === 499) await null;
        }
        while (counted < count) counted += await state.channel.call("counted");
      } else {
        for (let i = 0; i < count; i++) state.raw.send({ do: "count", v: i });
        ({ counted } = await state.raw.ask({ do: "counted" }));
      }
      return { rate: (1000 * counted) / (now() - began), counted };
    },

    /** Messages of the kernel, as fast as it sends them; what has not come after a while is lost. */
    async eventsDown(contender, count, quiet) {
      const { take, done } = counter(count, quiet);
      const began = now();
      const stop = DOWN[contender](count, take);
      const { got, last } = await done;
      stop();
      return { rate: (1000 * got) / (last - began), counted: got };
    },

    /** Arrays to the kernel, one after the other. */
    async arraysUp(contender, size, count) {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65536)
        crypto.getRandomValues(bytes.subarray(at, at + 65536));
      const array = new Float32Array(bytes.buffer);
      return each(count, async () => {
        const got =
          contender === "kcomm"
            ? await state.channel.call("take", [array])
            : (await state.raw.ask({ do: "take" }, [array.buffer])).size;
        if (got !== size) throw new Error(`${got} of ${size} bytes came`);
      });
    },

    /** Arrays of the kernel, one after the other. */
    arraysDown: (contender, size, count) =>
      each(count, async () => {
        const got =
          contender === "kcomm"
            ? await state.channel.call("give", [size])
            : (await state.raw.ask({ do: "give", size })).buffers[0];
        if (got.byteLength !== size) throw new Error(`${got.byteLength} of ${size} bytes came`);
      }),
  };
};
