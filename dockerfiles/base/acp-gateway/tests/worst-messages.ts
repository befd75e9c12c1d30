/** Legal messages that cost a reader most for their size. */
export const WORST_SHAPES = ["brackets", "numbers", "escapes", "keys"] as const;

export type WorstShape = (typeof WORST_SHAPES)[number];

const FILLINGS: Readonly<Record<WorstShape, (bytes: number) => string>> = {
  brackets: (bytes) => "[".repeat(bytes / 2) + "]".repeat(bytes / 2),
  numbers: (bytes) => `[${"1,".repeat(bytes / 2 - 2)}1]`,
  escapes: (bytes) => `"${"\\u0041".repeat(bytes / 6 - 2)}"`,
  keys: (bytes) => `{${'"a":{},'.repeat(bytes / 7 - 2)}"a":1}`,
};

/** A request of nearly `bytes` bytes; `id` is a number. */
export function worstMessage(shape: WorstShape, bytes: number, id = 1): string {
  const head = `{"jsonrpc":"2.0","id":${id},"method":"load/worst","params":`;
  return `${head}${FILLINGS[shape](bytes - head.length - 8)}}`;
}
