// The list of documents: uploading, following, searching.

import { call, hits, make, refuse, size, upload } from "./api.js";
import { follow } from "./running.js";

const form = document.querySelector("#upload");
const drop = document.querySelector("#drop");
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

async function send(chosen) {
  refuse(null);
  if (!chosen.length) return;
  const body = new FormData();
  for (const name of ["generateSummary", "generateEmbeddings", "useAI", "reprocess"]) body.append(name, form.elements[name].checked);
  if (form.elements.password.value) body.append("password", form.elements.password.value);
  for (const file of chosen) body.append("files", file, file.name);
  const bar = make("progress", { max: "1", "aria-label": "Upload" });
  const label = chosen.length === 1 ? chosen[0].name : `${chosen.length} files`;
  const percent = make("span", { class: "percent" }, "0 %");
  const item = make("li", {}, make("div", { class: "row" }, make("span", { class: "name" }, label), make("span", { class: "state" }, "uploading"), percent), bar);
  running.prepend(item);
  try {
    const answer = await upload("/api/documents/async-upload", body, (share) => {
      bar.value = share;
      percent.textContent = `${Math.floor(share * 100)} %`;
    });
    for (const job of answer.jobs) start(job.jobId, job.filename);
    await show("/api/documents?limit=20", true);
  } catch (error) {
    refuse(error);
  } finally {
    item.remove();
    files.value = "";
    form.elements.password.value = "";
  }
}

files.addEventListener("change", () => send([...files.files]));
form.addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  send([...event.dataTransfer.files]);
});
// A file that misses the box must not replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

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
