// What views are made of.

/** An element. Texts are never parsed as HTML: names and values come from other people. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

export const chip = (text, kind) => h("span", { class: `chip ${kind}` }, text);

export function table(caption, columns, rows) {
  if (!rows.length) return h("p", {}, `No ${caption.toLowerCase()}.`);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}

export function tile(value, text, kind) {
  return h("li", { class: `tile ${kind}` }, h("strong", {}, String(value)), text);
}

export function copyButton(text) {
  const button = h("button", { type: "button", onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy the text below"; // without HTTPS browsers lend no clipboard
    }
  }
  return button;
}

/** What is shown instead of an answer. */
export const failure = (error) => h("div", { class: "note bad" }, error.message);

export const time = (text) => (text ? new Date(text).toLocaleString() : "");

/** Of something with a namespace, below a noun of the API or the page. */
export const path = (namespace, name) => `${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
