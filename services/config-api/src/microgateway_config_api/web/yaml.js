// JSON values as YAML, as far as our resources go.

const scalar = (value) => {
  if (typeof value === "string") return JSON.stringify(value);
  return value !== null && typeof value === "object" ? (Array.isArray(value) ? "[]" : "{}") : String(value);
};

/** Whether it stands in a line with what is before it. */
export const simple = (value) => value === null || typeof value !== "object" || !Object.keys(value).length;

export function yaml(value, indent = "") {
  if (simple(value)) return `${indent}${scalar(value)}`;
  const nested = (each) => `\n${yaml(each, `${indent}  `)}`;
  if (Array.isArray(value)) {
    return value.map((each) => (simple(each) ? `${indent}- ${scalar(each)}`
      : `${indent}- ${yaml(each, `${indent}  `).trimStart()}`)).join("\n");
  }
  return Object.entries(value).map(([key, each]) => `${indent}${key}:${simple(each) ? ` ${scalar(each)}` : nested(each)}`).join("\n");
}
