// The page: reads the REST API next to it, again whenever /api/v1/live says that something changed.

import { block, blocks, refreshBlocks } from "./blocks.js";
import { dryRun } from "./dry_run.js";
import { chip, failure, h, path, table, tile, time } from "./elements.js";
import { diff, history, latest } from "./history.js";
import { remedy } from "./remedy.js";
import { ask, follow, showViewer, signIn } from "./session.js";

const main = document.querySelector("#main");
const connection = document.querySelector("#connection");
const SHOWN = 200; // rows of a table; the API has them all

// ── words ─────────────────────────────────────────────────────────────────────────────────────────

const PHASES = { Active: "good", Warning: "warn", Error: "bad" };
const SYNC = {
  in_sync: ["in sync", "good"], behind: ["behind", "warn"], ahead: ["ahead", "warn"],
  no_configuration: ["no configuration", "bad"], nothing_published: ["nothing published", "bad"],
  unassigned: ["no gateway", "warn"], unreadable: ["unreadable", "bad"],
};

function problemNote(problem) {
  const kind = problem.severity === "error" ? "bad" : "warn";
  return h("div", { class: `note ${kind}` }, chip(problem.severity, kind), " ", problem.message);
}

// ── fleet ─────────────────────────────────────────────────────────────────────────────────────────

async function fleet() {
  const [gateways, engines, problems] = await Promise.all([
    ask(`gateways?limit=${SHOWN}`), ask(`engines?limit=${SHOWN}`), ask(`problems?limit=${SHOWN}`),
  ]);
  const pods = sum(gateways.items, "pods");
  const inSync = sum(gateways.items, "in_sync");
  const broken = gateways.items.filter((each) => each.phase === "Error").length;
  const errors = problems.items.filter((each) => each.severity === "error").length;
  return [
    h("h2", {}, "Fleet"),
    h("ul", { class: "tiles" },
      tile(gateways.total, "gateways", broken ? "bad" : "good"),
      tile(`${inSync} of ${pods}`, "pods in sync", inSync === pods ? "good" : "warn"),
      tile(engines.total, "engines alive", engines.total >= pods ? "good" : "warn"),
      tile(problems.total, `problems, ${errors} of them errors`, errors ? "bad" : problems.total ? "warn" : "good")),
    h("h2", {}, "Gateways"),
    table("Gateways", ["Gateway", "Phase", "Pods in sync", "Published", "Problems"], gateways.items.map((each) => [
      h("a", { href: `#/gateways/${path(each.namespace, each.name)}` }, `${each.namespace}/${each.name}`),
      chip(each.phase, PHASES[each.phase]),
      `${each.in_sync} of ${each.pods}${each.unprotected ? `, ${each.unprotected} without an engine` : ""}`,
      each.published.compiled_at ? time(each.published.compiled_at) : "never",
      each.errors || each.warnings ? `${each.errors} errors, ${each.warnings} warnings` : "none",
    ])),
    h("h2", {}, "Engines"),
    engineTable(engines.items),
    h("h2", {}, "Problems"),
    problems.items.length ? problems.items.map(problemNote) : h("p", {}, "None."),
  ];
}

function engineTable(engines) {
  return table("Engines", ["Pod", "Gateway", "State", "Last heard", "Version"], engines.map((each) => {
    const [text, kind] = SYNC[each.sync.state];
    const rejected = each.rejection.state === "rejected"
      ? h("div", { class: "note bad" }, `rejected: ${each.rejection.message}`) : undefined;
    return [`${each.namespace}/${each.pod}`, each.gateway, h("div", {}, chip(text, kind), rejected),
      time(each.acknowledged_at), each.engine_version];
  }));
}

const sum = (items, key) => items.reduce((total, each) => total + each[key], 0);

// ── one gateway ───────────────────────────────────────────────────────────────────────────────────

async function gateway(namespace, name) {
  const key = path(namespace, name);
  const [found, engines, configuration, past] = await Promise.all([
    ask(`gateways/${key}`),
    ask(`engines?limit=${SHOWN}&gateway=${encodeURIComponent(`${namespace}/${name}`)}`),
    ask(`gateways/${key}/configuration`).catch((error) => error),
    latest(namespace, name).catch((error) => failure(error)),
  ]);
  return [
    h("p", {}, h("a", { href: "#/" }, "← Fleet")),
    h("h2", {}, `${namespace}/${name} `, chip(found.phase, PHASES[found.phase])),
    found.up_to_date ? undefined
      : h("div", { class: "note warn" }, "What engines serve is an earlier state: the latest resources do not apply."),
    h("h3", {}, "Conditions"),
    table("Conditions", ["Condition", "Status", "Reason", "Message"], found.conditions.map((each) => [
      each.type, chip(each.status, each.status === "True" ? "good" : "warn"), each.reason, each.message])),
    h("h3", {}, "Problems"),
    found.problems.length ? found.problems.map(problemNote) : h("p", {}, "None."),
    h("h3", {}, "Engines"),
    engineTable(engines.items),
    found.unprotected_pods.length ? [
      h("h3", {}, "Pods without an engine"),
      h("div", { class: "note bad" }, "Nothing protects them: they have to be created again."),
      table("Pods without an engine", ["Pod"],
        found.unprotected_pods.map((each) => [`${each.namespace}/${each.name}`])),
    ] : undefined,
    found.unmanaged_pods.length ? [
      h("h3", {}, "Pods of other gateways"),
      table("Pods of other gateways", ["Pod", "Managed by"],
        found.unmanaged_pods.map((each) => [`${each.namespace}/${each.name}`, each.managed_by])),
    ] : undefined,
    h("h3", {}, "History"),
    past,
    h("h3", {}, "Configuration"),
    configuration instanceof Error ? h("p", {}, configuration.message) : [
      h("p", {}, `Compiled ${time(configuration.compiled_at)}, `, h("code", {}, configuration.digest.slice(0, 19))),
      h("div", { class: "tree" }, tree(configuration.configuration, found.problems, opened)),
    ],
  ].flat();
}

/** What people have opened in the tree stays open when it is drawn again. */
const opened = new Set();

/** A value as nested lists; a problem stands at the resource it speaks of. */
function tree(value, problems, open, where = "$") {
  return h("ul", {}, Object.entries(value).map(([key, child]) => {
    const here = `${where}.${key}`;
    const label = h("span", { class: "key" }, key);
    if (child === null || typeof child !== "object") return h("li", {}, label, `: ${JSON.stringify(child)}`);
    if (!Object.keys(child).length) return h("li", {}, label, Array.isArray(child) ? ": []" : ": {}");
    const origin = child.origin ?? {};
    const own = problems.filter((each) => each.subject.type === "object" && each.subject.kind === origin.kind
      && each.subject.namespace === origin.namespace && each.subject.name === origin.name);
    const details = h("details", { open: open.has(here) },
      h("summary", {}, label, title(child), own.length ? [" ", chip(`${own.length} problems`, "warn")] : undefined),
      own.map(problemNote), tree(child, problems, open, here));
    details.addEventListener("toggle", () => (details.open ? open.add(here) : open.delete(here)));
    return h("li", {}, details);
  }));
}

function title(value) {
  if (Array.isArray(value)) return ` (${value.length})`;
  if (value.origin?.name) return ` ${value.origin.kind} ${value.origin.namespace}/${value.origin.name}`;
  return value.type ? ` ${value.type}` : value.port ? ` ${value.port}` : value.path_prefix ? ` ${value.path_prefix}` : "";
}

// ── explain ───────────────────────────────────────────────────────────────────────────────────────

const question = { gateway: "", method: "GET", target: "/", headers: "", body: "" };

async function explain() {
  const gateways = await ask(`gateways?limit=${SHOWN}`);
  const names = gateways.items.map((each) => `${each.namespace}/${each.name}`);
  if (!names.includes(question.gateway)) question.gateway = names[0] ?? "";
  const field = (name, element) => {
    element.name = name;
    element.value = question[name];
    element.addEventListener("input", () => { question[name] = element.value; });
    return element;
  };
  const result = h("section", { "aria-live": "polite" });
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  return [
    h("h2", {}, "What happens to a request, and why?"),
    h("p", {}, "It is judged by the configuration that is live. Nothing is sent anywhere."),
    h("form", { onsubmit: (event) => { event.preventDefault(); answer(result); } },
      h("label", {}, "Gateway", field("gateway", h("select", {}, names.map((name) => h("option", {}, name))))),
      h("div", { class: "pair" },
        h("label", {}, "Method", field("method", h("select", {}, methods.map((name) => h("option", {}, name))))),
        h("label", {}, "Path and query", field("target", h("input", { class: "mono", required: true, pattern: "/.*" })))),
      h("label", {}, "Headers, one a line",
        field("headers", h("textarea", { rows: "4", placeholder: "content-type: application/json" }))),
      h("label", {}, "Body", field("body", h("textarea", { rows: "5" }))),
      h("div", {}, h("button", { class: "main" }, "Explain"))),
    result,
  ];
}

async function answer(result) {
  result.replaceChildren(h("p", {}, "…"));
  try {
    const asked = { ...question, headers: headersOf(question.headers) };
    const { explanation } = await ask("explain", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked),
    });
    result.replaceChildren(...explained(explanation));
  } catch (error) {
    result.replaceChildren(h("div", { class: "note bad" }, error.message));
  }
}

function headersOf(text) {
  const headers = {};
  for (const line of text.split("\n").filter((each) => each.trim())) {
    const [name, ...rest] = line.split(":");
    (headers[name.trim().toLowerCase()] ??= []).push(rest.join(":").trim());
  }
  return headers;
}

function explained(explanation) {
  const good = explanation.verdict === "passed";
  return [
    h("h3", {}, "Verdict"),
    h("div", { class: `note ${good ? "good" : "bad"}` },
      chip(explanation.verdict, good ? "good" : "bad"), " ", explanation.reason,
      explanation.status ? ` (status ${explanation.status})` : ""),
    ...remedy(explanation.remedy),
    h("h3", {}, "Step by step"),
    h("ol", {}, explanation.steps.map(step)),
  ];
}

function step(found) {
  const { step: name, ...rest } = found;
  const text = {
    route: () => `${rest.path} is ${rest.outcome}${rest.policy ? ` by ${rest.policy}` : ""}`,
    parsing: () => `body read as ${rest.parser}: ${rest.because}${rest.problem ? `; ${rest.problem}` : ""}`,
    limits: () => (rest.exceeded.length ? undefined : "none exceeded"),
    decoding: () => (rest.decoded.length ? undefined : "nothing was encoded"),
    "deny rules": () => (rest.matches.length ? undefined : "no rule matches"),
    "header rewrites": () => (rest.changes.length ? undefined : "nothing changed"),
  }[name]?.();
  const details = {
    limits: () => rest.exceeded.map((each) => `${each.limit}: ${each.measured}, at most ${each.maximum} (${each.handling})`),
    decoding: () => rest.decoded.map((each) => `${spot(each.spot)}: ${each.steps.join(", ")}`),
    "deny rules": () => rest.matches.map((each) =>
      `${each.rule_key} ${each.rule_id} (${each.level}) ${each.outcome}: ${each.description}. In ${spot(each.spot)}: ${each.matched}`
      + (each.exceptions.length ? ` Excepted by ${each.exceptions.join(", ")}.` : "")),
    "header rewrites": () => rest.changes.map((each) => `${each.action} ${each.header} (${each.group})`),
  }[name]?.() ?? [];
  return h("li", {}, h("strong", {}, name), text ? `: ${text}` : "",
    details.length ? h("ul", {}, details.map((line) => h("li", {}, line))) : undefined);
}

const spot = (where) => `${where.type}${where.name ? ` ${where.name}` : ""} (${where.part})`;

// ── what is shown ─────────────────────────────────────────────────────────────────────────────────

const ROUTES = [
  [/^#\/gateways\/([^/]+)\/([^/]+)$/, gateway],
  [/^#\/gateways\/([^/]+)\/([^/]+)\/history$/, history],
  [/^#\/gateways\/([^/]+)\/([^/]+)\/diff\/([^/]+)\/([^/]+)$/, diff],
  [/^#\/dry-run$/, dryRun],
  [/^#\/blocks$/, blocks],
  [/^#\/blocks\/(.+)$/, block],
  [/^#\/explain$/, explain],
  [/^/, fleet],
];

/** Which of the links in the head leads to a view. */
const CURRENT = new Map([[blocks, "#/blocks"], [block, "#/blocks"], [dryRun, "#/dry-run"], [explain, "#/explain"]]);

let drawing = 0;

async function draw() {
  const mine = (drawing += 1);
  const [pattern, view] = ROUTES.find(([each]) => each.test(location.hash));
  const parts = (location.hash.match(pattern) ?? []).slice(1).map(decodeURIComponent);
  let content;
  try {
    content = await view(...parts);
  } catch (error) {
    content = error.status === 401 ? signIn(h, error.message) : [failure(error)];
  }
  if (mine !== drawing) return; // something newer is on its way
  main.replaceChildren(...content.flat(2).filter((each) => each !== undefined));
  for (const link of document.querySelectorAll("nav a")) {
    const current = CURRENT.get(view) ?? "#/";
    if (link.getAttribute("href") === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

addEventListener("hashchange", async () => { await draw(); main.focus(); });

/** A form is not drawn anew under somebody's hands, nor what is said of one block or of two configurations. */
const stays = () => /^#\/(explain|blocks|dry-run|gateways\/.*\/diff\/)/.test(location.hash);

follow("live", ({ event }) => {
  if (event === "blocked") refreshBlocks();
  if (event !== "changed") return;
  connection.textContent = "● live";
  if (!stays()) draw();
}, (error) => {
  connection.textContent = error ? "" : "○ connecting …";
  if (error) draw(); // which says what to do
});
showViewer(document.querySelector("#viewer"), h);

// ── theme ─────────────────────────────────────────────────────────────────────────────────────────

const THEMES = ["system", "light", "dark"];
const themeButton = document.querySelector("#theme");

function useTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  themeButton.textContent = `Theme: ${theme}`;
  localStorage.setItem("theme", theme);
}

themeButton.addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? "system";
  useTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
});
useTheme(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system");
draw();
