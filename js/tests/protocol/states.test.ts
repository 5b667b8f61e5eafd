/** The tables of states are those of the specification, cell by cell. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CALLEE, CALLER, CONNECTION } from "../../src/protocol/states.js";

type Table = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

const specification = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

/** Reads the first table behind a heading; columns are renamed as in the code. */
function table(heading: string, columns: Readonly<Record<string, readonly string[]>>): Table {
  const after = specification.slice(specification.indexOf(heading) + heading.length);
  const lines = after.slice(after.indexOf("|")).split("\n\n", 1)[0] ?? "";
  const cells = lines.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const [[, ...inputs] = [], , ...rows] = cells;
  return Object.fromEntries(
    rows.map(([state, ...next]) => {
      const row = inputs.flatMap((input, i) =>
        (columns[input] ?? [input]).map((name) => [name, next[i]?.split(" ")[0]]),
      );
      return [state, Object.fromEntries(row.filter(([, cell]) => cell))];
    }),
  );
}

describe("states", () => {
  it("of a connection", () => {
    const columns = {
      "send H": ["sendHello"],
      "recv H": ["receiveHello"],
      "send W": ["sendWelcome"],
      "recv W": ["receiveWelcome"],
      "send other": ["send"],
      "recv other": ["receive"],
      "send B": ["sendBye"],
      "recv B": ["receiveBye"],
    };
    expect(CONNECTION).toEqual(table("**Connection**", columns));
  });

  it("of a call at its caller", () => {
    const columns = { NEXT: ["next"], "END or ERROR": ["terminal"], "connection ends": ["close"] };
    expect(CALLER).toEqual({ ...table("**A call, at its caller**", columns), done: {} });
  });

  it("of a call at its callee", () => {
    const columns = {
      "end or fail": ["terminal"],
      CANCEL: ["cancel"],
      CREDIT: ["credit"],
      "connection ends": ["close"],
    };
    expect(CALLEE).toEqual({ ...table("**A call, at its callee**", columns), done: {} });
  });
});
