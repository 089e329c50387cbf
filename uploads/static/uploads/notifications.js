// How a person is told of ended jobs: by mail, kept in the account; by the browser, kept in the browser.

import { call, refuse } from "./api.js";
import { supported, want, wanted } from "./telling.js";

const form = document.querySelector("#mail");
const saved = document.querySelector("#saved");
const browser = document.querySelector("#browser");
const denied = document.querySelector("#denied");

function show(preference) {
  form.elements.email.value = preference.email;
  document.querySelector("#address").textContent = preference.address || "Your account has no e-mail address.";
}

form.addEventListener("change", async () => {
  refuse(null);
  saved.textContent = "saving …";
  try {
    show(await call("/api/notifications", {
      method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: form.elements.email.value }),
    }));
    saved.textContent = "Saved.";
  } catch (error) {
    saved.textContent = "";
    refuse(error);
    call("/api/notifications").then(show).catch(() => {});
  }
});
browser.addEventListener("change", async () => {
  const asked = browser.checked;
  browser.checked = await want(asked);
  denied.hidden = browser.checked || !asked;
});
browser.disabled = !supported();
browser.checked = wanted();
document.querySelector("#unsupported").hidden = supported();
call("/api/notifications").then(show).catch(refuse);
