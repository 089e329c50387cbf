// One document: what was found in it.

import { call, hits, make, pages, refuse, size } from "./api.js";
import { follow } from "./running.js";

const id = document.body.dataset.document;
const address = `/api/documents/${id}`;
const at = (name) => document.querySelector(name);
const active = ["queued", "running", "waiting", "retrying"];
let next = null;

function fill(name, items, row) {
  at(`#s-${name}`).hidden = !items.length;
  at(`#${name}`).replaceChildren(...items.map(row));
}

function finding(one) {
  const kind = one.kind ? make("span", { class: "kind" }, one.kind) : null;
  return make("li", {}, kind, one.text, pages(one), one.reason ? make("span", { class: "why" }, one.reason) : null);
}

function theme(one) {
  const meter = make("meter", { min: "0", max: "1", value: String(one.weight || 0), "aria-label": "Share of the text" });
  const words = (one.keyphrases || []).filter((word) => word !== one.label).slice(0, 6).join(", ");
  return make("li", {}, make("strong", {}, one.label), pages(one), meter, make("small", {}, words));
}

function summary(items) {
  return fill("summary", items, (one) => make("p", {}, one.text || String(one), pages(one)));
}

function show(one) {
  document.title = `${one.title} · Millrace`;
  at("#title").textContent = one.title;
  const unit = one.paged ? "page" : "section";
  const facts = [
    one.title === one.filename ? null : one.filename, one.type.toUpperCase(), size(one.size),
    one.pages ? `${one.pages} ${unit}${one.pages === 1 ? "" : "s"}` : null,
    one.pagesFailed ? `${one.pagesFailed} could not be read` : null,
    one.characters ? `${one.characters.toLocaleString()} characters` : null,
    one.language ? `language: ${one.language}` : null,
    new Date(one.createdAt).toLocaleString(),
  ];
  at("#facts").textContent = facts.filter(Boolean).join(" · ");
  at("#note").hidden = !one.note;
  at("#note").textContent = one.note;
  summary(one.summary);
  fill("quotes", one.quotes, finding);
  fill("insights", one.insights, finding);
  fill("themes", one.themes, theme);
  const made = [["By", one.analysis.provider], ["Method", one.analysis.method], ["Coverage", one.analysis.coverage],
    ["Vectors", one.embeddings ? `${one.embeddings.engine}, ${one.embeddings.dimension} dimensions` : null]].filter(([, value]) => value);
  at("#s-method").hidden = !made.length;
  at("#method").replaceChildren(...made.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  at("#remove").disabled = active.includes(one.status);
}

async function chunks(path, replace) {
  const answer = await call(path);
  at("#s-chunks").hidden = !answer.total;
  at("#chunk-count").textContent = `${answer.total} parts`;
  const rows = answer.chunks.map((one) => {
    const span = one.pageStart === one.pageEnd ? `page ${one.pageStart}` : `pages ${one.pageStart}–${one.pageEnd}`;
    return make("li", {}, make("h3", {}, `Part ${one.number + 1} · ${span}`), make("p", {}, one.text));
  });
  if (replace) at("#chunks").replaceChildren(...rows);
  else at("#chunks").append(...rows);
  next = answer.next;
  at("#more").hidden = !next;
}

async function load() {
  try {
    const one = await call(address);
    show(one);
    await chunks(`${address}/chunks?limit=5`, true);
    return one;
  } catch (error) {
    at("#title").textContent = "Not found";
    refuse(error);
    return null;
  }
}

at("#more").addEventListener("click", () => chunks(next, false).catch(refuse));
at("#download").addEventListener("click", async () => {
  try {
    location.assign((await call(`${address}/link`, { method: "POST" })).url);
  } catch (error) {
    refuse(error);
  }
});
at("#remove").addEventListener("click", () => at("#sure").showModal());
at("#keep").addEventListener("click", () => at("#sure").close());
at("#really").addEventListener("click", async () => {
  at("#sure").close();
  try {
    await call(address, { method: "DELETE" });
    location.assign("/documents");
  } catch (error) {
    refuse(error);
  }
});
at("#search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const q = at("#q").value.trim();
  if (!q) return at("#hits").replaceChildren();
  try {
    hits(at("#hits"), await call(`/api/documents/search?documentId=${id}&q=${encodeURIComponent(q)}`), false);
  } catch (error) {
    at("#hits").replaceChildren(make("p", { class: "problem" }, error.message));
  }
});
const one = await load();
if (one && one.jobId && active.includes(one.status)) {
  follow(at("#running"), one.jobId, one.filename, (job, item) => {
    if (job.partial && job.partial.summary) summary(job.partial.summary);
    if (!job.over) return;
    if (job.status === "completed") item.remove();
    load();
  });
} else if (one && one.status === "failed" && one.jobId) {
  call(`/api/jobs/${one.jobId}`).then((job) => job.error && refuse(new Error(job.error.message))).catch(() => {});
}
