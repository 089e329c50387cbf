// Sending files from a page: by choice or by dropping them, with a bar while they are on their way.

import { make, refuse, upload } from "./api.js";

export function chosen(drop, files, send) {
  files.addEventListener("change", () => send([...files.files]));
  drop.closest("form").addEventListener("submit", (event) => event.preventDefault());
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
}

// Resolves to the answer; null when it was refused, and then the page says why.
export async function sending(list, path, body, label) {
  const bar = make("progress", { max: "1", "aria-label": "Upload" });
  const percent = make("span", { class: "percent" }, "0 %");
  const item = make("li", {}, make("div", { class: "row" }, make("span", { class: "name" }, label), make("span", { class: "state" }, "uploading"), percent), bar);
  refuse(null);
  list.prepend(item);
  try {
    return await upload(path, body, (share) => {
      bar.value = share;
      percent.textContent = `${Math.floor(share * 100)} %`;
    });
  } catch (error) {
    refuse(error);
    return null;
  } finally {
    item.remove();
  }
}
