// Recent blocks, as they come, and why each was one.

import { chip, failure, h, table, time } from "./elements.js";
import { remedy } from "./remedy.js";
import { ask } from "./session.js";

const SHOWN = 100; // rows; the API has more
const MODES = { block: ["blocked", "bad"], "log-only": ["log only", "warn"] };

/** What the list is narrowed to stays so while the page is open. */
const wanted = { gateway: "", rule_key: "", mode: "" };

const list = h("div", { class: "stacked" });

// ── the list ──────────────────────────────────────────────────────────────────────────────────────

export async function blocks() {
  const gateways = await ask("gateways?limit=1000");
  const names = gateways.items.map((each) => `${each.namespace}/${each.name}`);
  await fill();
  const field = (name, element) => {
    element.value = wanted[name];
    element.addEventListener("change", () => { wanted[name] = element.value; refreshBlocks(); });
    return element;
  };
  const find = h("input", { class: "mono", name: "id", required: true, spellcheck: "false" });
  return [
    h("h2", {}, "Recent blocks"),
    h("p", {}, "Requests that engines blocked or would have blocked, kept for a day. In a flood of attacks not all of "
      + "them are here; the access log has all."),
    h("div", { class: "filters" },
      h("label", {}, "Gateway", field("gateway", h("select", {}, ["", ...names].map((name) =>
        h("option", { value: name }, name || "all"))))),
      h("label", {}, "Rule key or limit", field("rule_key", h("input", { placeholder: "all" }))),
      h("label", {}, "What became of it", field("mode", h("select", {},
        h("option", { value: "" }, "all"), h("option", { value: "block" }, "blocked"),
        h("option", { value: "log-only" }, "logged only")))),
      h("form", { class: "find", onsubmit: (event) => { event.preventDefault(); location.hash = link(find.value.trim()); } },
        h("label", {}, "Request id", find), h("button", {}, "Find"))),
    list,
  ];
}

/** Something new was blocked, or something else is wanted. Only the rows are drawn anew. */
export async function refreshBlocks() {
  if (list.isConnected) await fill();
}

let filling = 0;

async function fill() {
  const mine = (filling += 1);
  const query = new URLSearchParams({ limit: SHOWN });
  for (const [name, value] of Object.entries(wanted)) if (value.trim()) query.set(name, value.trim());
  let content;
  try {
    content = rows((await ask(`blocks?${query}`)).items);
  } catch (error) {
    content = failure(error);
  }
  if (mine !== filling) return; // something newer is on its way
  const scrolled = list.firstElementChild?.scrollLeft ?? 0;
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : undefined;
  list.replaceChildren(content);
  content.scrollLeft = scrolled;
  if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function rows(found) {
  return table("Blocks", ["Time", "Request", "Why", "Gateway", "Client"], found.map((each) => [
    h("div", { class: "line" }, time(each.time)),
    h("div", { class: "request" }, chip(...MODES[each.mode]), " ", h("a", { class: "mono", href: link(each.request_id) }, `${each.method} ${each.path}`)),
    h("div", { class: "why" }, each.why, h("div", { class: "quiet" }, where(each.threats[0]))),
    h("div", { class: "line" }, each.gateway, h("div", { class: "quiet" }, each.pod)),
    each.client,
  ]));
}

const link = (id) => `#/blocks/${encodeURIComponent(id)}`;

/** Where it was found and what it looked like, in one line. */
function where(threat) {
  if (threat.type === "deny_rules") return `in ${spot(threat.place)}: ${threat.matched}`;
  if (threat.type === "limits") return threat.resource.name ? resource(threat.resource) : "";
  return threat.description;
}

const spot = (place) => `${place.type}${place.name ? ` ${place.name}` : ""} (${place.part})`;

const resource = (from) => (from.name ? `${from.kind} ${from.namespace}/${from.name}` : `${from.kind} (defaults)`);

// ── one block ─────────────────────────────────────────────────────────────────────────────────────

export async function block(id) {
  const found = await ask(`blocks/${encodeURIComponent(id)}/explanation`);
  const { block: seen, causes } = found;
  const [word, kind] = MODES[seen.mode];
  return [
    h("p", {}, h("a", { href: "#/blocks" }, "← Blocks")),
    h("h2", {}, seen.mode === "block" ? "Why was this request blocked?" : "What was found in this request?"),
    h("p", {}, chip(word, kind), " ", h("code", {}, `${seen.method} ${seen.path}`)),
    causes.map((cause) => h("div", { class: `note ${kind}` }, cause.reason,
      h("div", { class: "quiet" }, `${cause.resource}, `, h("code", {}, cause.field)))),
    found.remedy.kind === "none" ? h("p", {}, "The configuration of now lets this through.")
      : remedy(found.remedy, "Smallest change that lifts what was found"),
    h("h3", {}, "Evidence"),
    h("ul", {}, seen.threats.map(threat), seen.omitted ? h("li", {}, `and ${seen.omitted} more`) : undefined),
    h("h3", {}, "Request"),
    h("dl", {}, Object.entries({
      "Request id": seen.request_id, Time: time(seen.time), Gateway: seen.gateway, Pod: `${seen.pod}, port ${seen.port}`,
      Configuration: `generation ${seen.generation}${found.generation === seen.generation ? ", still live" : ""}`,
      Policy: found.policy, Client: seen.client, Host: seen.host,
    }).filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
  ];
}

function threat(found) {
  const whose = h("span", { class: "quiet" }, ` ${resource(found.resource)}, ${found.handling}`);
  if (found.type === "deny_rules") {
    return h("li", {}, `${found.rule_key} ${found.rule_id}${found.level ? ` (${found.level})` : ""}: ${found.description}. `
      + `In ${spot(found.place)}${found.decoding.length ? `, after ${found.decoding.join(", ")}` : ""}: `,
      h("code", {}, found.matched), whose);
  }
  if (found.type === "limits") return h("li", {}, `${found.limit}: at most ${found.maximum}, got ${found.measured}`, whose);
  return h("li", {}, `${found.problem}: ${found.description}`, whose);
}
