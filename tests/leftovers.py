"""Counting what is alive in a kernel and in a page, before and after things come and go."""

from __future__ import annotations

#: To be run in a kernel: `count()` returns what there is now.
KERNEL = """
import asyncio, gc, re, threading
import kcomm
from kcomm import target as _target, view as _view
from kcomm.runtime import get_runtime as _get_runtime
from kcomm.transport.subshells import subshells as _subshells

def count():
    gc.collect()
    kernel = get_ipython().kernel
    async def on_loop():
        timers = [t for t in getattr(asyncio.get_running_loop(), "_scheduled", []) if not t.cancelled()]
        return {"tasks": len(asyncio.all_tasks()) - 1, "timers": len(timers)}
    return {
        "comms": len(kernel.comm_manager.comms),
        "targets": len(kernel.comm_manager.targets),
        "kcomm's targets": len(_target._targets),
        "outputs": len(_view.outputs),
        "threads": threading.active_count(),
        "kcomm's threads": sorted(
            re.sub("[0-9a-f]{8,}", "*", t.name) for t in threading.enumerate() if t.name.startswith("kcomm")
        ),
        "subshells": len(kernel.shell_channel_thread.manager.list_subshell()),
        "subshells in use": len(_subshells),
        "peers": sum(isinstance(item, kcomm.peer.Peer) for item in gc.get_objects()),
        **asyncio.run_coroutine_threadsafe(on_loop(), _get_runtime().loop).result(5),
    }
"""

#: To be run in a page before anything else: `kcommLeftovers()` returns what kcomm began and has not ended.
PAGE = """
(() => {
  if (window.kcommLeftovers) return;
  /** Whether kcomm's code called what asks this; calls further down are JupyterLab's own doing. */
  const ours = () => /extensions\\/kcomm\\//.test(new Error().stack?.split("\\n")[3] ?? "");
  const alive = new Map();
  const began = (kind, key) => alive.set(kind, (alive.get(kind) ?? new Map()).set(key, true));
  const ended = (kind, key) => alive.get(kind)?.delete(key);

  const timers = (kind, start, stop, repeats) => {
    const [begin, end] = [window[start], window[stop]];
    window[start] = (callback, ...rest) => {
      if (!ours()) return begin.call(window, callback, ...rest);
      const run = (...args) => {
        if (!repeats) ended(kind, id);
        return callback(...args);
      };
      const id = begin.call(window, run, ...rest);
      began(kind, id);
      return id;
    };
    window[stop] = (id) => {
      ended(kind, id);
      end.call(window, id);
    };
  };
  timers("timeout", "setTimeout", "clearTimeout", false);
  timers("interval", "setInterval", "clearInterval", true);
  timers("repaint", "requestAnimationFrame", "cancelAnimationFrame", false);

  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (object) => {
    const url = createObjectURL.call(URL, object);
    if (ours()) began("blob URL", url);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    ended("blob URL", url);
    revokeObjectURL.call(URL, url);
  };

  const NativeWorker = window.Worker;
  window.Worker = class extends NativeWorker {
    constructor(...args) {
      super(...args);
      if (ours()) began("worker", this);
    }
    terminate() {
      ended("worker", this);
      super.terminate();
    }
  };

  for (const name of ["IntersectionObserver", "MutationObserver", "ResizeObserver"]) {
    const Native = window[name];
    window[name] = class extends Native {
      observe(...args) {
        if (ours()) began(name, this);
        return super.observe(...args);
      }
      disconnect() {
        ended(name, this);
        return super.disconnect();
      }
    };
  }

  for (const target of [window, document]) {
    const { addEventListener, removeEventListener } = target;
    const listeners = new Map();
    const keyOf = (type, listener) => {
      const keys = listeners.get(listener) ?? {};
      listeners.set(listener, keys);
      return (keys[type] ??= { type });
    };
    target.addEventListener = function (type, listener, ...rest) {
      if (ours()) {
        began("listener", keyOf(type, listener));
        rest[0]?.signal?.addEventListener("abort", () => ended("listener", keyOf(type, listener)));
      }
      return addEventListener.call(this, type, listener, ...rest);
    };
    target.removeEventListener = function (type, listener, ...rest) {
      if (listeners.has(listener)) ended("listener", keyOf(type, listener));
      return removeEventListener.call(this, type, listener, ...rest);
    };
  }

  const cameras = [];
  const devices = navigator.mediaDevices;
  if (devices) {
    const { getUserMedia } = devices;
    devices.getUserMedia = async (...args) => {
      const stream = await getUserMedia.call(devices, ...args);
      cameras.push(...stream.getTracks());
      return stream;
    };
  }

  let kernel = null;
  const slots = new Map();
  /** Follows the signals of a kernel connection, from before kcomm connects to any. */
  window.kcommWatchKernel = (connection) => {
    kernel = connection;
    const prototype = Object.getPrototypeOf(connection.statusChanged);
    if (prototype.kcommWatched) return;
    prototype.kcommWatched = true;
    const { connect, disconnect } = prototype;
    const keyOf = (signal, slot, self) => {
      const all = slots.get(signal) ?? [];
      slots.set(signal, all);
      const found = all.find((entry) => entry.slot === slot && entry.self === self);
      if (!found) all.push({ slot, self });
      return found ?? all.at(-1);
    };
    prototype.connect = function (slot, self) {
      const isNew = connect.call(this, slot, self);
      if (isNew && ours()) began("signal slot", keyOf(this, slot, self));
      return isNew;
    };
    prototype.disconnect = function (slot, self) {
      const all = slots.get(this);
      const entry = all?.find((item) => item.slot === slot && item.self === self);
      if (entry) ended("signal slot", entry);
      return disconnect.call(this, slot, self);
    };
  };

  window.kcommLeftovers = () => ({
    ...Object.fromEntries([...alive].map(([kind, items]) => [kind, items.size]).filter(([, n]) => n > 0)),
    cameras: cameras.filter((track) => track.readyState === "live").length,
    futures: kernel?._futures?.size ?? 0,
    views: document.querySelectorAll(".kcomm-View").length,
  });
})();
"""
