// What manifests would do to gateways. Nothing is applied.

import { chip, failure, h } from "./elements.js";
import { differences } from "./history.js";
import { ask } from "./session.js";

const VERDICTS = {
  unchanged: ["unchanged", "good", "Engines would do what they do."],
  changed: ["changed", "warn", "Engines would be given another configuration."],
  new: ["new", "warn", "Engines would be given their first configuration."],
  refused: ["refused", "bad", "Engines would keep what they have."],
  gone: ["gone", "bad", "There would be no such gateway, and its pods would have none."],
};

const question = { content: "", namespace: "default", complete: false };

export async function dryRun() {
  const field = (name, element, property = "value") => {
    element[property] = question[name];
    element.addEventListener("input", () => { question[name] = element[property]; });
    return element;
  };
  const result = h("section", { "aria-live": "polite" });
  return [
    h("h2", {}, "What would these manifests change?"),
    h("p", {}, "They are compiled on top of the objects that are live in their namespaces. Nothing is applied."),
    h("form", { onsubmit: (event) => { event.preventDefault(); answer(result); } },
      h("label", {}, "Manifests", field("content", h("textarea", { class: "mono", rows: "12", required: true, spellcheck: "false",
        placeholder: "apiVersion: microgateway.airlock.com/v1alpha1" }))),
      h("label", {}, "Namespace of objects that name none", field("namespace", h("input", { class: "mono", required: true }))),
      h("label", { class: "check" }, field("complete", h("input", { type: "checkbox" }), "checked"),
        " They are all there is in their namespaces: what is not among them goes, but Secrets"),
      h("div", {}, h("button", { class: "main" }, "Try"))),
    result,
  ];
}

async function answer(result) {
  result.replaceChildren(h("p", {}, "…"));
  try {
    const asked = { files: [{ path: "manifests", content: question.content }], namespace: question.namespace, complete: question.complete };
    const found = await ask("dry-run", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked),
    });
    result.replaceChildren(...answered(found).flat().filter((each) => each !== undefined));
  } catch (error) {
    result.replaceChildren(failure(error));
  }
}

function answered(found) {
  return [
    found.problems.map(note),
    found.unused.map((each) => h("div", { class: "note warn" }, `No gateway refers to ${each.kind} ${each.namespace}/${each.name}.`)),
    found.gateways.length ? undefined : h("p", {}, "No gateway is touched."),
    ...found.gateways.map((each) => {
      const [word, kind, meaning] = VERDICTS[each.verdict];
      return [
        h("h3", {}, `${each.namespace}/${each.name} `, chip(word, kind)),
        h("p", {}, meaning),
        (each.problems ?? []).map(note),
        each.differences ? differences(each) : undefined,
      ].flat();
    }),
  ];
}

function note(problem) {
  const kind = problem.severity === "error" ? "bad" : "warn";
  return h("div", { class: `note ${kind}` }, chip(problem.severity, kind), " ", problem.message);
}
