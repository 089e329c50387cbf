// The browser's own notification of a job's end: where a person allowed it, and is looking at something else.

const KEY = "millrace.tell";

export function supported() {
  return "Notification" in window && window.isSecureContext;
}

export function wanted() {
  return supported() && Notification.permission === "granted" && localStorage.getItem(KEY) === "1";
}

// Resolves to whether they will be shown. Browsers ask the person only when a click led here.
export async function want(yes) {
  if (yes && supported() && Notification.permission === "default") await Notification.requestPermission();
  localStorage.setItem(KEY, yes ? "1" : "0");
  return wanted();
}

export function tell(name, job) {
  if (!wanted() || document.visibilityState === "visible" || job.status === "cancelled") return;
  const body = job.error ? job.error.message : "Done.";
  const shown = new Notification(`${name}: ${job.status}`, { body, tag: job.jobId });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
}
