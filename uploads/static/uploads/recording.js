// Recording an introduction with the browser's own camera and recorder.

import { refuse } from "./api.js";

const at = (name) => document.querySelector(name);
const types = ["video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];

// `done(file)` gets what was recorded. Browsers give a camera to secure pages only: without one there is no button.
export function studio(done) {
  const type = window.MediaRecorder && types.find((one) => MediaRecorder.isTypeSupported(one));
  if (!type || !navigator.mediaDevices) return;
  const longest = Number(document.body.dataset.seconds);
  const preview = at("#preview");
  let recorder = null;
  let kept = false;
  at("#studio").hidden = false;

  function shown(recording) {
    preview.hidden = !recording;
    at("#record").hidden = recording;
    for (const name of ["#stop", "#discard", "#clock"]) at(name).hidden = !recording;
  }

  function finish(keep) {
    kept = keep;
    if (recorder && recorder.state !== "inactive") recorder.stop();
  }

  at("#record").addEventListener("click", async () => {
    refuse(null);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } }, audio: true });
    } catch {
      refuse(new Error("The camera or the microphone could not be used. Allow both for this page, or upload a file."));
      return;
    }
    const pieces = [];
    const began = Date.now();
    recorder = new MediaRecorder(stream, { mimeType: type });
    preview.srcObject = stream;
    preview.play().catch(() => {});
    shown(true);
    const tick = () => {
      const left = Math.max(0, longest - Math.floor((Date.now() - began) / 1000));
      at("#clock").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
      if (!left) finish(true);
    };
    tick();
    const ticking = setInterval(tick, 500);
    recorder.ondataavailable = (event) => event.data.size && pieces.push(event.data);
    recorder.onstop = () => {
      clearInterval(ticking);
      for (const track of stream.getTracks()) track.stop();
      preview.srcObject = null;
      shown(false);
      const ending = type.startsWith("video/mp4") ? "mp4" : "webm";
      const name = `introduction-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${ending}`;
      if (kept) done(new File(pieces, name, { type: type.split(";")[0] }));
    };
    recorder.start(1000);
  });
  at("#stop").addEventListener("click", () => finish(true));
  at("#discard").addEventListener("click", () => finish(false));
}
