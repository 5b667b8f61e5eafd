/** What runs in the camera's worker. The bundlers build it apart, and put it into the bundle as text: `capture-worker.ts?source`. */
import { type Scope, serve } from "./capture-serving.js";

serve(globalThis as unknown as Scope);
