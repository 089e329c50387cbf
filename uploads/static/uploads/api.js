// The API with the session of this page. Nothing here ever writes HTML: texts become text nodes.

export class Problem extends Error {
  constructor(body, status) {
    const fields = Object.entries(body.errors || {}).flatMap(([, texts]) => texts);
    super([body.detail, ...fields.filter((text) => text !== body.detail)].filter(Boolean).join("\n") || `Error ${status}`);
    this.code = body.code;
    this.status = status;
  }
}

export function token() {
  return document.querySelector("#token input").value;
}

export async function call(path, options = {}) {
  const headers = { Accept: "application/json", ...(options.headers || {}) };
  if (options.method && options.method !== "GET") headers["X-CSRFToken"] = token();
  let response;
  try {
    response = await fetch(path, { ...options, headers, credentials: "same-origin" });
  } catch {
    throw new Problem({ detail: "The server can not be reached. Check your connection and try again." }, 0);
  }
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(body.error || body, response.status);
  return body;
}

// fetch tells nothing of how far an upload is.
export function upload(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("X-CSRFToken", token());
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      const body = request.response || {};
      if (request.status < 300) resolve(body);
      else reject(new Problem(body.error || body, request.status));
    };
    request.onerror = () => reject(new Problem({ detail: "The connection broke before the upload was complete. Nothing was stored: try again." }, 0));
    request.send(form);
  });
}

export function make(tag, values = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(values)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

export function pages(item) {
  const found = item.page ? [item.page] : item.pages || [];
  if (!found.length) return null;
  const shown = found.slice(0, 6).join(", ") + (found.length > 6 ? " …" : "");
  return make("span", { class: "page" }, `p. ${shown}`);
}

export function refuse(error) {
  const place = document.querySelector("#refused");
  place.hidden = !error;
  place.textContent = error ? error.message : "";
}

// Search hits: words are marked by their offsets in the snippet.
export function hits(place, answer, withTitle) {
  place.replaceChildren();
  if (!answer.results.length) {
    place.append(make("p", { class: "soft" }, `Nothing found for “${answer.query}”.`));
    return;
  }
  for (const hit of answer.results) {
    const line = make("p");
    const letters = Array.from(hit.snippet.text);
    let at = 0;
    for (const [start, end] of hit.snippet.highlights) {
      line.append(letters.slice(at, start).join(""), make("mark", {}, letters.slice(start, end).join("")));
      at = end;
    }
    line.append(letters.slice(at).join(""));
    const span = hit.pageStart === null ? null : hit.pageStart === hit.pageEnd ? `p. ${hit.pageStart}` : `p. ${hit.pageStart}–${hit.pageEnd}`;
    const page = span ? make("span", { class: "page" }, span) : null;
    const title = withTitle ? make("a", { href: `/documents/${hit.documentId}` }, hit.title) : make("strong", {}, `Part ${hit.chunk + 1}`);
    place.append(make("div", { class: "hit" }, title, page, line));
  }
  if (answer.method.notCompared.length || !answer.method.complete) {
    place.append(make("p", { class: "soft" }, "Some documents were searched by their words only."));
  }
}
