// One job as a line with a bar.

import { call, make } from "./api.js";
import { tell } from "./telling.js";
import { ended, watch } from "./watch.js";

export function follow(list, jobId, name, onEnd) {
  const state = make("span", { class: "state", data: { state: "queued" } }, "queued");
  const percent = make("span", { class: "percent" }, "");
  const bar = make("progress", { max: "100", "aria-label": `Progress of ${name}` });
  bar.value = 0;
  const line = make("span", { class: "line" }, "waits for a worker");
  const cancel = make("button", { type: "button", onclick: () => call(`/api/jobs/${jobId}/cancel`, { method: "POST" }).catch(() => {}) }, "Cancel");
  const item = make("li", {}, make("div", { class: "row" }, make("span", { class: "name" }, name), state, percent), bar, make("div", { class: "row" }, line, make("span", { class: "percent" }, cancel)));
  list.prepend(item);
  watch(jobId, (job) => {
    const shown = job.status === "completed" ? 100 : job.progress.percent || 0;
    state.textContent = job.status;
    state.dataset.state = job.status;
    bar.value = shown;
    percent.textContent = `${Math.floor(shown)} %`;
    const { stage, message } = job.progress;
    if (job.error) line.textContent = job.error.message;
    else if (job.status === "queued") line.textContent = job.waitingFor ? job.waitingFor.message : "waits for a worker";
    else line.textContent = [stage, message].filter(Boolean).join(" · ");
    cancel.hidden = ended(job);
    if (ended(job)) line.textContent = job.error ? job.error.message : job.status;
    if (job.over) tell(name, job);
    onEnd(job, item);
  });
}
