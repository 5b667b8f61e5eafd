// Builds what the wheel carries: the JupyterLab extension (dist/labextension), the library as one
// ES module for pages without the extension (../kcomm/static/kcomm.js), and the player of pages
// that stand alone (../kcomm/static/player.js and .css).
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { esbuildSource } from "./worker-source.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const require = createRequire(import.meta.url);

/** The version both packages must have; kcomm/__init__.py is where it is set. */
function version() {
  const source = readFileSync(new URL("../kcomm/__init__.py", import.meta.url), "utf8");
  const python = /^__version__ = "([^"]+)"/m.exec(source)?.[1];
  const { version: js } = require("./package.json");
  if (python !== js) {
    throw new Error(
      `versions differ: kcomm/__init__.py has ${python}, js/package.json has ${js}; ` +
        "set both to the same (npm version --no-git-tag-version, in js/)",
    );
  }
  return js;
}

/** Bundle src/index.ts; fail if it leans on packages that only JupyterLab provides. */
async function library() {
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: ["src/index.ts"],
    outfile: "../kcomm/static/kcomm.js",
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "inline",
    banner: { js: `/*! kcomm ${version()} | BSD-3-Clause */` },
    external: ["@jupyterlab/*", "@lumino/*"],
    plugins: [esbuildSource],
    metafile: true,
    logLevel: "warning",
  });
  const outside = Object.values(metafile.outputs).flatMap((o) => o.imports.map((i) => i.path));
  if (outside.length > 0) {
    throw new Error(
      `src/index.ts must stand alone but imports ${outside.join(", ")}: import only their types, ` +
        "or move the code to src/jupyterlab/",
    );
  }
}

/** Bundle the player of stand-alone pages (kcomm/animation/page.py): a classic script, and its style. */
async function page() {
  const shared = {
    absWorkingDir: here,
    bundle: true,
    minify: true,
    target: "es2022",
    logLevel: "warning",
    plugins: [esbuildSource],
  };
  await build({
    ...shared,
    entryPoints: ["src/animation/page.ts"],
    outfile: "../kcomm/static/player.js",
    format: "iife",
    banner: { js: `/*! kcomm ${version()} | BSD-3-Clause */` },
  });
  await build({
    ...shared,
    entryPoints: ["style/page.css"],
    outfile: "../kcomm/static/player.css",
  });
}

/** Run JupyterLab's own builder, with the list of shared packages that npm installed. */
function labextension() {
  const builder = require.resolve("@jupyter/builder/lib/build-labextension.js");
  const core = require.resolve("@jupyterlab/core-meta/core.package.json");
  const { status, error, stdout, stderr } = spawnSync(
    process.execPath,
    [builder, "--core-package-file", core, here],
    { cwd: here, encoding: "utf8" },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`the JupyterLab builder failed:\n${stderr}\n${stdout}`);
  if (/WARNING/.test(stdout)) process.stderr.write(stdout);
}

await library();
await page();
labextension();
