// Parsers that Node.js applications use. One request a line, one answer a line:
// {"parser": "...", "type": "content type", "body": "base64"} → {"pairs": [[name, value], …]} or {"error": "…"}.
import querystring from "node:querystring";
import readline from "node:readline";

const flat = (value, pairs) => {
  if (typeof value === "string") pairs.push(["", value]);
  else if (value !== null && typeof value === "object")
    for (const [name, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) pairs.push([name, ""]);
      flat(inner, pairs);
    }
  return pairs;
};

const parsers = {
  querystring: (body) =>
    Object.entries(querystring.parse(body.toString())).flatMap(([name, values]) =>
      [values].flat().map((value) => [name, value]),
    ),
  URLSearchParams: (body) => [...new URLSearchParams(body.toString())],
  formData: async (body, type) => {
    const form = await new Response(body, { headers: { "content-type": type } }).formData();
    return [...form].map(([name, value]) => [name, typeof value === "string" ? value : value.name]);
  },
  json: (body) => flat(JSON.parse(body.toString()), []),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { parser, type, body } = JSON.parse(line);
  let answer;
  try {
    answer = { pairs: await parsers[parser](Buffer.from(body, "base64"), type) };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
