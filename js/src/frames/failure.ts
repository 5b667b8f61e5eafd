/** What is told of something that failed. */
import { KcommError } from "../errors.js";

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code and message that stand for an error where only those can go. */
export function failureOf(error: unknown): { code: string; message: string } {
  const code = error instanceof KcommError ? error.code : "kcomm.bad_value";
  return { code, message: messageOf(error) };
}
