// A file that is sent as it is, with how much of it is gone: <form data-upload="address" data-then="where to go, before the id">.
// The server's own token goes along as htmx would send it; what a file is called is only ever shown as text.
import { once } from "./dom.js";
import { toast } from "./dialogs.js";

/// The token that changes must bring back stands where htmx reads it.
function token() {
  try {
    return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];
  } catch {
    return "";
  }
}

export function uploads(root) {
  once(root, "[data-upload]", (form) => {
    const find = (what) => form.querySelector(what);
    const [progress, bar, said, cancel, submit] = [
      "[data-upload-progress]", "progress", "[data-upload-said]", "[data-upload-cancel]", "[type=submit]",
    ].map(find);
    let sending = null;
    const busy = (yes) => {
      progress.hidden = !yes;
      cancel.hidden = !yes;
      submit.disabled = yes;
    };
    const failed = (text) => {
      busy(false);
      toast(text, "bad");
    };
    cancel.addEventListener("click", () => sending?.abort());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const file = find("[type=file]").files[0];
      if (!file || submit.disabled) return;
      const xhr = new XMLHttpRequest();
      sending = xhr;
      xhr.open("POST", `${form.dataset.upload}?table=${encodeURIComponent(find("[name=table]").value)}`);
      xhr.setRequestHeader("Content-Type", "text/csv");
      xhr.setRequestHeader("X-CSRF-Token", token());
      xhr.upload.addEventListener("progress", (sent) => {
        if (!sent.lengthComputable) return;
        const percent = Math.floor((sent.loaded * 100) / Math.max(1, sent.total));
        bar.value = percent;
        said.textContent = percent < 100 ? `${file.name}: ${percent} % sent` : `${file.name}: sent, being kept`;
      });
      xhr.addEventListener("load", () => {
        if (xhr.status === 401) {
          window.location.assign(`/sign-in?next=${encodeURIComponent(window.location.pathname)}`);
          return;
        }
        let answer = {};
        try {
          answer = JSON.parse(xhr.responseText);
        } catch {
          // What is no JSON says nothing.
        }
        if (xhr.status === 202 && answer.id) window.location.assign(form.dataset.then + encodeURIComponent(answer.id));
        else failed(answer.detail ?? `The server answered ${xhr.status}. Nothing was changed.`);
      });
      xhr.addEventListener("error", () => failed("The file could not be sent: it is open elsewhere, or the server cannot be reached."));
      xhr.addEventListener("abort", () => failed("The upload was cancelled. Nothing was changed."));
      bar.value = 0;
      said.textContent = `${file.name}: being sent`;
      busy(true);
      xhr.send(file);
    });
  });
}
