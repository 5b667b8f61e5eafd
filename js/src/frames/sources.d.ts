/** A module that is built apart, as the text of a script (worker-source.mjs). */
declare module "*?source" {
  const source: string;
  export default source;
}
