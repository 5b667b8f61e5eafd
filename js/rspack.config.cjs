// What @jupyter/builder lacks: it bundles JavaScript only, our sources are TypeScript.
// Types are checked by `tsc`; here they are just removed.
module.exports = {
  resolve: {
    extensions: [".ts", ".js", ".mjs", ".json"],
    extensionAlias: { ".js": [".ts", ".js"] },
  },
  module: {
    rules: [
      {
        resourceQuery: /source/,
        loader: require.resolve("./worker-loader.cjs"),
        type: "javascript/auto",
      },
      {
        test: /\.ts$/,
        resourceQuery: { not: /source/ },
        loader: "builtin:swc-loader",
        options: {
          jsc: { parser: { syntax: "typescript" }, target: "es2022" },
        },
        type: "javascript/auto",
      },
    ],
  },
};
