// Who asks: a bearer token that goes to this origin's API alone and is gone with the tab.

const KEY = "token";
const AGAIN = 1000; // ms until a stream that broke off is opened again

const token = () => sessionStorage.getItem(KEY);

/** An answer that is an error. status: of HTTP. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** An answer of the API below /api/v1, not yet read. Throws Refused. */
async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token()) headers.set("authorization", `Bearer ${token()}`);
  const response = await fetch(`api/v1/${path}`, { ...options, headers, cache: "no-store" });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refused(response.status, problem.detail ?? response.statusText);
}

/** JSON of the API. */
export const ask = async (path, options) => (await send(path, options)).json();

/** Server-sent events, opened again whenever they break off, until somebody has to sign in.
 *
 * Not EventSource, which sends no Authorization. heard({event, data, id}); lost(error) while there is no connection,
 * with the error that ended it for good, if one did. */
export async function follow(path, heard, lost) {
  for (;;) {
    try {
      const response = await send(path, { headers: { accept: "text/event-stream" } });
      await read(response.body, heard);
    } catch (error) {
      if (error.status === 401) {
        lost(error);
        return;
      }
    }
    lost();
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

/** WHATWG HTML, section 9.2.6. */
async function read(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { event: "message", data: [], id: "" };
      for (const line of block.split("\n")) {
        const [, name, text] = line.match(/^([^:]*):? ?(.*)$/);
        if (name === "data") event.data.push(text);
        else if (name === "event" || name === "id") event[name] = text;
      }
      if (block.split("\n").some((line) => line && !line.startsWith(":"))) {
        heard({ ...event, data: event.data.join("\n") });
      }
    }
  }
}

/** Links to the API carry no token. */
const hideLinks = () => { document.querySelector("#json").hidden = true; };

/** Why the last token was, until the page is loaded again. */
let refused;

/** What is shown to who has to say who they are. h: makes elements. */
export function signIn(h, detail) {
  if (token()) refused = detail; // that there is no token yet is no mistake
  sessionStorage.removeItem(KEY);
  hideLinks();
  const field = h("input", { type: "password", class: "mono", required: true, autocomplete: "off", spellcheck: "false" });
  const enter = (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, field.value.trim());
    location.reload();
  };
  return [
    h("h2", {}, "Who are you?"),
    refused ? h("div", { class: "note bad", role: "alert" }, refused) : undefined,
    h("p", {}, "This page shows what your Kubernetes rights let you see. It needs a token of a user or service account "
      + "that may list sidecargateways:"),
    h("pre", { tabindex: "0" }, "kubectl -n NAMESPACE create token SERVICE-ACCOUNT --audience microgateway-config-api"),
    h("form", { onsubmit: enter },
      h("label", {}, "Token", field),
      h("div", {}, h("button", { class: "main" }, "Sign in"))),
    h("p", {}, "The token stays in this tab and is sent nowhere else."),
  ];
}

/** Says who is signed in, with a way out. Nothing where nobody is asked. */
export async function showViewer(place, h) {
  if (!token()) return;
  hideLinks();
  const leave = () => {
    sessionStorage.removeItem(KEY);
    location.reload();
  };
  try {
    const { name } = await ask("viewer");
    place.replaceChildren(h("span", { class: "name" }, name), h("button", { type: "button", onclick: leave }, "Sign out"));
  } catch {
    // What else is asked says why.
  }
}
