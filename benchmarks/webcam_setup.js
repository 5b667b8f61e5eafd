// Runs before the page's own scripts: notes the cameras that are given out, and counts what the kernel's
// socket carries. Page-side scripts find both as `window.benchTaps`.
(() => {
  const taps = { stream: null, up: 0, down: 0, size: null };
  window.benchTaps = taps;

  const devices = navigator.mediaDevices;
  const open = devices?.getUserMedia.bind(devices);
  if (open) {
    devices.getUserMedia = async (constraints) => {
      // Who asks for any camera gets the pictures as this one takes them, not a browser's default size.
      const isAny = constraints?.video === true && taps.size !== null;
      const stream = await open(isAny ? { ...constraints, video: taps.size } : constraints);
      taps.stream = stream;
      return stream;
    };
  }

  const sizeOf = (data) => data.byteLength ?? data.size ?? data.length;
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      if (!this.url.includes("/channels")) return;
      this.addEventListener("message", ({ data }) => {
        taps.down += sizeOf(data);
      });
      const send = this.send.bind(this);
      this.send = (data) => {
        taps.up += sizeOf(data);
        send(data);
      };
    }
  };

  // The bench looks last at each repaint: after whoever paints in the same one.
  const request = window.requestAnimationFrame.bind(window);
  const cancel = window.cancelAnimationFrame.bind(window);
  let last = null;
  let id = 0;
  taps.beforePaint = (look) => {
    cancel(id);
    last = look;
    id = request(run);
  };
  const run = (now) => {
    const look = last;
    last = null;
    look?.(now);
  };
  window.requestAnimationFrame = (callback) => {
    const own = request(callback);
    if (last !== null) {
      cancel(id);
      id = request(run);
    }
    return own;
  };
})();
