// Video introductions: recording or choosing one, following its job, playing what was made of it.

import { call, make, refuse, size } from "./api.js";
import { studio } from "./recording.js";
import { follow } from "./running.js";
import { chosen, sending } from "./sending.js";

const running = document.querySelector("#running");
const list = document.querySelector("#videos");
const more = document.querySelector("#more");
const sure = document.querySelector("#sure");
const files = document.querySelector("#files");
const active = ["queued", "running", "waiting", "retrying"];
const followed = new Set();
let next = null;

function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function facts(one) {
  const found = [one.durationS ? clock(one.durationS) : null, one.width ? `${one.width} × ${one.height}` : null,
    one.size ? size(one.size) : null, new Date(one.createdAt).toLocaleString()];
  return found.filter(Boolean).join(" · ");
}

// A bar with the sound's shape: it seeks, and shows the picture at the pointer.
function seekbar(one, player) {
  const bar = make("input", { type: "range", class: "seek", min: "0", max: String(one.durationS), step: "0.1", value: "0", "aria-label": "Seek" });
  const picture = make("span", { class: "thumb", hidden: "" });
  const shape = one.waveformUrl ? make("img", { class: "shape", src: one.waveformUrl, alt: "" }) : null;
  const place = make("div", { class: "seeking" }, shape, bar, picture);
  bar.addEventListener("input", () => (player.currentTime = Number(bar.value)));
  player.addEventListener("timeupdate", () => (bar.value = String(player.currentTime)));
  if (one.stripUrl && one.strip.count) {
    const { width, height, seconds } = one.strip;
    picture.style.width = `${width}px`;
    picture.style.height = `${height}px`;
    picture.style.backgroundImage = `url("${one.stripUrl}")`;
    place.addEventListener("pointermove", (event) => {
      const box = place.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const index = Math.max(0, seconds.findLastIndex((second) => second <= share * one.durationS));
      picture.style.backgroundPositionX = `${-index * width}px`;
      picture.style.left = `${Math.min(box.width - width, Math.max(0, share * box.width - width / 2))}px`;
      picture.hidden = false;
    });
    place.addEventListener("pointerleave", () => (picture.hidden = true));
  }
  return place;
}

async function play(id, stage) {
  try {
    const one = await call(`/api/videos/${id}`);
    const player = make("video", { controls: "", playsinline: "", preload: "metadata", poster: one.posterUrl, src: one.videoUrl });
    stage.replaceChildren(player, seekbar(one, player));
    player.play().catch(() => {});
  } catch (error) {
    refuse(error);
  }
}

function card(one) {
  const stage = make("div", { class: "stage" });
  if (one.videoUrl) {
    const poster = make("img", { src: one.posterUrl, alt: "", loading: "lazy", width: String(one.width), height: String(one.height) });
    stage.append(make("button", { type: "button", class: "poster", "aria-label": `Play ${one.filename}`, onclick: () => play(one.id, stage) }, poster, make("span", { class: "play" }, "▶")));
  } else {
    stage.append(make("p", { class: "soft nothing" }, one.status === "failed" ? "This file could not be made into a video." : active.includes(one.status) ? "being made …" : "There is no video."));
  }
  const badge = one.profileComplete ? make("span", { class: "state", data: { state: "completed" } }, "profile complete")
    : make("span", { class: "state", data: { state: one.status || "" } }, one.status || "");
  const sound = one.loudness && one.loudness.note ? make("p", { class: "soft" }, one.loudness.note) : null;
  const remove = make("button", { type: "button", class: "danger", onclick: () => ask(one) }, "Delete");
  remove.disabled = active.includes(one.status);
  return make("li", { class: "card" }, stage, make("div", { class: "row" }, make("strong", {}, one.filename), badge), make("p", { class: "soft" }, facts(one)), sound, remove);
}

async function show(path, replace) {
  const answer = await call(path);
  list.replaceChildren(...(replace ? [] : list.children), ...answer.videos.map(card));
  next = answer.next;
  more.hidden = !next;
  document.querySelector("#empty").hidden = list.children.length > 0;
  for (const one of answer.videos) {
    if (active.includes(one.status) && one.jobId) start(one.jobId, one.filename);
  }
}

const refresh = () => show("/api/videos?limit=12", true).catch(refuse);

function start(jobId, name) {
  if (followed.has(jobId)) return;
  followed.add(jobId);
  follow(running, jobId, name, (job, item) => {
    if (!job.over) return;
    followed.delete(jobId);
    if (job.status === "completed") item.remove();
    refresh();
  });
}

async function send(picked) {
  if (!picked.length) return;
  const [file] = picked;
  const body = new FormData();
  body.append("video", file, file.name);
  const answer = await sending(running, "/api/upload/video-intro", body, file.name);
  files.value = "";
  if (!answer) return;
  start(answer.data.jobId, file.name);
  refresh();
}

function ask(one) {
  sure.showModal();
  document.querySelector("#really").onclick = async () => {
    sure.close();
    try {
      await call(`/api/videos/${one.id}`, { method: "DELETE" });
      await refresh();
    } catch (error) {
      refuse(error);
    }
  };
}

document.querySelector("#keep").addEventListener("click", () => sure.close());
more.addEventListener("click", () => show(next, false).catch(refuse));
chosen(document.querySelector("#drop"), files, send);
studio((file) => send([file]));
refresh();
