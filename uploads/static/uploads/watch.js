// Following jobs: over one WebSocket, else by an event stream, else by asking now and then.

import { call } from "./api.js";

const ENDED = ["completed", "failed", "cancelled"];
const watched = new Map();
let socket = null;
let failures = 0;

// `tell(job)` gets {status, progress, partial, result, error, ...} whenever something is new.
export function watch(jobId, tell) {
  watched.set(jobId, { tell, job: { jobId, status: "queued", progress: {}, partial: {} }, seq: 0, newest: [0, 0], source: null });
  if (failures > 2) stream(jobId);
  else if (socket && socket.readyState === WebSocket.OPEN) subscribe(jobId);
  else if (!socket) open();
}

function open() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/jobs`);
  socket.onopen = () => {
    socket.send(JSON.stringify({ action: "authenticate" }));
    for (const id of watched.keys()) subscribe(id);
  };
  socket.onmessage = (event) => {
    failures = 0;
    hear(JSON.parse(event.data));
  };
  socket.onclose = () => {
    socket = null;
    if (!watched.size) return;
    failures += 1;
    if (failures > 2) for (const id of watched.keys()) stream(id);
    else setTimeout(() => watched.size && !socket && open(), 500 * failures);
  };
}

function subscribe(jobId) {
  const { seq } = watched.get(jobId);
  socket.send(JSON.stringify({ action: "subscribe", jobId, ...(seq ? { since: seq } : {}) }));
}

function stream(jobId) {
  const entry = watched.get(jobId);
  if (!entry || entry.source) return;
  entry.source = new EventSource(`/api/jobs/${jobId}/events`);
  for (const name of ["snapshot", "state", "progress", "partial", "stage"]) {
    entry.source.addEventListener(name, (event) => hear(JSON.parse(event.data)));
  }
  entry.source.onerror = () => {
    if (!watched.has(jobId) || entry.source.readyState !== EventSource.CLOSED) return;
    poll(jobId);
  };
}

async function poll(jobId) {
  while (watched.has(jobId)) {
    try {
      const job = await call(`/api/jobs/${jobId}`);
      hear({ type: "snapshot", jobId, seq: 0, job });
      if (ENDED.includes(job.status)) return end(jobId);
    } catch (error) {
      if (error.status === 404 || error.status === 401) return watched.delete(jobId);
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}

function hear(message) {
  const entry = watched.get(message.jobId);
  if (!entry) return;
  entry.seq = Math.max(entry.seq, message.seq || 0);
  const job = entry.job;
  if (message.type === "snapshot") Object.assign(job, message.job);
  else if (message.type === "progress") {
    const [attempt, counter] = entry.newest;
    if (message.attempt < attempt || (message.attempt === attempt && message.counter <= counter)) return;
    entry.newest = [message.attempt, message.counter];
    job.progress = message.progress;
  } else if (message.type === "partial") job.partial = { ...job.partial, [message.key]: message.value };
  else if (message.type === "state") {
    job.status = message.status;
    if (message.job) Object.assign(job, message.job);
  } else return;
  entry.tell(job);
  if (message.final) end(message.jobId);
}

// What came over a socket may leave out a large result: the API has all of it.
async function end(jobId) {
  const entry = watched.get(jobId);
  if (!entry) return;
  watched.delete(jobId);
  if (entry.source) entry.source.close();
  try {
    entry.tell({ ...(await call(`/api/jobs/${jobId}`)), over: true });
  } catch {
    entry.tell({ ...entry.job, over: true });
  }
  if (!watched.size && socket) socket.close();
}

export function ended(job) {
  return ENDED.includes(job.status);
}
