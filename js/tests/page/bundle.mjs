// Writes a test's script for pages to standard output: `node bundle.mjs frames.ts`.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { esbuildSource } from "../../worker-source.mjs";

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL(process.argv[2], import.meta.url))],
  bundle: true,
  write: false,
  format: "iife",
  target: "es2022",
  plugins: [esbuildSource],
  logLevel: "warning",
});
process.stdout.write(outputFiles[0].text);
