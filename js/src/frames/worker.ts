/** What runs in the worker. The bundlers build it apart, and put it into the bundle as text: `worker.ts?source`. */
import { type Scope, serve } from "./serving.js";

serve(globalThis as unknown as Scope);
