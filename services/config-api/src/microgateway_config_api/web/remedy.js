// What would let a request through, to be copied into a resource.

import { copyButton, h } from "./elements.js";
import { yaml } from "./yaml.js";

export function remedy(found, title = "Smallest change that lets exactly this through") {
  if (found.kind === "not offered") return [h("p", {}, `No exception is offered: ${found.reason}`)];
  if (found.kind !== "offered") return [];
  return [
    h("h3", {}, title),
    ...found.changes.flatMap((change) => {
      const text = yaml(change.action === "append" ? [change.value] : change.value);
      return [
        h("p", {}, `${change.resource}: ${change.action === "append" ? "append to" : "set"} `,
          h("code", {}, change.where), change.note ? ` (${change.note})` : "", " ", copyButton(text)),
        h("pre", { tabindex: "0" }, text),
      ];
    }),
  ];
}
