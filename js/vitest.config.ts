import { defineConfig } from "vitest/config";
import { viteSource } from "./worker-source.mjs";

export default defineConfig({
  plugins: [viteSource],
  test: {
    include: ["tests/**/*.test.ts"],
    testTimeout: 20_000,
  },
});
