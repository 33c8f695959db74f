// Which configurations a gateway had, who changed what, and what two of them have different.

import { chip, h, path, table, time } from "./elements.js";
import { ask } from "./session.js";
import { simple, yaml } from "./yaml.js";

const KINDS = { added: "good", changed: "warn", removed: "bad" };
const LATEST = 3; // entries at the gateway itself

const page = (namespace, name, rest) => `#/gateways/${path(namespace, name)}/${rest}`;

// ── entries ───────────────────────────────────────────────────────────────────────────────────────

/** The newest ones, below the gateway. */
export async function latest(namespace, name) {
  const found = await ask(`gateways/${path(namespace, name)}/history?limit=${LATEST}`);
  return [
    entries(namespace, name, found.items),
    h("p", {}, h("a", { href: page(namespace, name, "history") }, "The whole history")),
  ];
}

export async function history(namespace, name) {
  const found = await ask(`gateways/${path(namespace, name)}/history`);
  return [
    h("p", {}, h("a", { href: `#/gateways/${path(namespace, name)}` }, `← ${namespace}/${name}`)),
    h("h2", {}, `History of ${namespace}/${name}`),
    h("p", {}, "The newest configurations that engines were given, and who changed what before each of them."),
    entries(namespace, name, found.items),
  ];
}

function entries(namespace, name, found) {
  return h("div", { class: "stacked" }, table("History", ["Published", "What changed", "Difference"], found.map((each) => [
    h("div", { class: "line" }, time(each.compiled_at), each.live ? [" ", chip("live", "good")] : undefined,
      h("div", { class: "quiet" }, String(each.generation))),
    h("div", { class: "why" }, changes(each)),
    each.since ? h("a", {
      class: "line", href: page(namespace, name, `diff/${each.since}/${each.generation}`),
      "aria-label": `What is different in generation ${each.generation}`,
    }, "from the one before") : "",
  ])));
}

function changes(entry) {
  if (!entry.since) return "History begins here.";
  if (!entry.changes.length) return "No object: keys were replaced, or the reconciler was.";
  return [
    ...entry.changes.map((each) => h("div", {}, chip(each.change, KINDS[each.change]), " ",
      `${each.kind} ${each.namespace}/${each.name} `, h("span", { class: "quiet" }, writer(each.writer)))),
    entry.more ? h("div", {}, `and ${entry.more} more`) : undefined,
  ];
}

function writer(found) {
  if (found.type === "manager") return `by ${found.manager}, ${time(found.time)}`;
  return found.type === "file" ? `in ${found.path}` : "";
}

// ── differences ───────────────────────────────────────────────────────────────────────────────────

export async function diff(namespace, name, from, to) {
  const key = path(namespace, name);
  const [all, found] = await Promise.all([
    ask(`gateways/${key}/history`),
    ask(`gateways/${key}/diff?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`).catch((error) => error),
  ]);
  if (found instanceof Error && found.status === 401) throw found;
  const chosen = { from: String(found.from_generation ?? from), to: String(found.to_generation ?? to) };
  const choice = (end, label) => {
    const select = h("select", {}, all.items.map((each) =>
      h("option", { value: String(each.generation) }, `${time(each.compiled_at)}${each.live ? ", live" : ""}`)));
    select.value = chosen[end];
    select.addEventListener("change", () => {
      location.hash = page(namespace, name, `diff/${end === "from" ? select.value : chosen.from}/${end === "to" ? select.value : chosen.to}`);
    });
    return h("label", {}, label, select);
  };
  return [
    h("p", {}, h("a", { href: page(namespace, name, "history") }, "← History")),
    h("h2", {}, `What is different at ${namespace}/${name}`),
    h("div", { class: "filters" }, choice("from", "Before"), choice("to", "After")),
    found instanceof Error ? h("div", { class: "note bad" }, found.message) : [
      h("h3", {}, "Who changed what"),
      entries(namespace, name, found.entries),
      h("h3", {}, "Differences"),
      ...differences(found),
    ],
  ].flat();
}

/** found: an answer with differences. */
export function differences(found) {
  return [
    found.differences.length ? h("div", { class: "stacked" }, table("Differences", ["Where", "Before", "After"],
      found.differences.map((each) => [
        h("div", { class: "why" }, chip(each.change, KINDS[each.change]), " ", h("span", { class: "mono" }, each.path || "everything"),
          h("div", { class: "quiet" }, origin(each.origin))),
        "old" in each ? value(each.old) : "",
        "new" in each ? value(each.new) : "",
      ]))) : h("p", {}, "None."),
    found.more ? h("p", {}, `and ${found.more} more`) : undefined,
    found.withheld ? h("p", { class: "quiet" }, "Values that are not shown, such as secrets, are not compared.") : undefined,
  ];
}

const value = (found) => (simple(found) ? h("code", {}, yaml(found))
  : h("pre", { tabindex: "0", role: "region", "aria-label": "value" }, yaml(found)));

function origin(from) {
  if (!from.kind) return "";
  return from.name ? `${from.kind} ${from.namespace}/${from.name}` : `${from.kind} (defaults)`;
}
