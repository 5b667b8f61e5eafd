import type { Plugin } from "vite";

export const viteSource: Plugin;
