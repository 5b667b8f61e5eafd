// The loader for rspack of modules imported as "….ts?source": see worker-source.mjs.
module.exports = function load() {
  const done = this.async();
  import("./worker-source.mjs")
    .then(({ sourceOf }) => sourceOf(this.resourcePath))
    .then(({ text, files }) => {
      for (const file of files) this.addDependency(file);
      done(null, `export default ${JSON.stringify(text)};`);
    }, done);
};
