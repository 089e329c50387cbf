// The list of documents: uploading, following, searching.

import { call, hits, make, refuse, size } from "./api.js";
import { follow } from "./running.js";
import { chosen, sending } from "./sending.js";

const form = document.querySelector("#upload");
const files = document.querySelector("#files");
const running = document.querySelector("#running");
const list = document.querySelector("#documents");
const more = document.querySelector("#more");
const active = ["queued", "running", "waiting", "retrying"];
const followed = new Set();
let next = "/api/documents?limit=20";

function row(one) {
  const facts = [one.type.toUpperCase(), size(one.size), one.pages ? `${one.pages} ${one.pages === 1 ? "page" : "pages"}` : null, new Date(one.createdAt).toLocaleDateString()];
  const state = one.status ? make("span", { class: "state", data: { state: one.status } }, one.status) : null;
  return make("li", {}, make("a", { href: `/documents/${one.id}` }, one.title), make("span", { class: "soft" }, facts.filter(Boolean).join(" · ")), state);
}

async function show(path, replace) {
  const answer = await call(path);
  list.replaceChildren(...(replace ? [] : list.children), ...answer.documents.map(row));
  next = answer.next;
  more.hidden = !next;
  document.querySelector("#empty").hidden = list.children.length > 0;
  for (const one of answer.documents) {
    if (active.includes(one.status) && one.jobId) start(one.jobId, one.filename);
  }
}

function start(jobId, name) {
  if (followed.has(jobId)) return;
  followed.add(jobId);
  follow(running, jobId, name, (job) => {
    if (!job.over) return;
    followed.delete(jobId);
    show("/api/documents?limit=20", true).catch(refuse);
  });
}

async function send(picked) {
  if (!picked.length) return;
  const body = new FormData();
  for (const name of ["generateSummary", "generateEmbeddings", "useAI", "reprocess"]) body.append(name, form.elements[name].checked);
  if (form.elements.password.value) body.append("password", form.elements.password.value);
  for (const file of picked) body.append("files", file, file.name);
  const label = picked.length === 1 ? picked[0].name : `${picked.length} files`;
  const answer = await sending(running, "/api/documents/async-upload", body, label);
  files.value = "";
  form.elements.password.value = "";
  if (!answer) return;
  for (const job of answer.jobs) start(job.jobId, job.filename);
  show("/api/documents?limit=20", true).catch(refuse);
}

chosen(document.querySelector("#drop"), files, send);
document.querySelector("#search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const q = document.querySelector("#q").value.trim();
  const place = document.querySelector("#hits");
  if (!q) return place.replaceChildren();
  try {
    hits(place, await call(`/api/documents/search?q=${encodeURIComponent(q)}`), true);
  } catch (error) {
    place.replaceChildren(make("p", { class: "problem" }, error.message));
  }
});
more.addEventListener("click", () => show(next, false).catch(refuse));
show(next, true).catch(refuse);
