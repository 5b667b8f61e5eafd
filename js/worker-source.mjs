// Modules imported as "….ts?source" are built apart, and come as the text of a script: the code of
// workers, which so needs no address of its own. For esbuild, for Vite, and for rspack.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const QUERY = /\?source$/;

/** Build a module and what it imports as one classic script. Returns its text, and the files it is made of. */
export async function sourceOf(path) {
  const { outputFiles, metafile } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    minify: true,
    metafile: true,
    logLevel: "warning",
  });
  return { text: outputFiles[0].text, files: Object.keys(metafile.inputs).map((f) => resolve(f)) };
}

/** The plugin for esbuild. */
export const esbuildSource = {
  name: "source",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: QUERY }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.replace(QUERY, "")),
      namespace: "source",
    }));
    onLoad({ filter: /./, namespace: "source" }, async ({ path }) => {
      const { text, files } = await sourceOf(path);
      return { contents: text, loader: "text", watchFiles: files };
    });
  },
};

/** The plugin for Vite, which runs the tests. */
export const viteSource = {
  name: "source",
  enforce: "pre",
  resolveId(id, importer) {
    if (!QUERY.test(id)) return null;
    return `\0${resolve(dirname(importer ?? fileURLToPath(import.meta.url)), id)}`;
  },
  async load(id) {
    if (!id.startsWith("\0") || !QUERY.test(id)) return null;
    const { text } = await sourceOf(id.slice(1).replace(QUERY, ""));
    return `export default ${JSON.stringify(text)};`;
  },
};
