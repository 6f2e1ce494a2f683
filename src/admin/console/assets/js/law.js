// The timeline's question: an instant is picked from a date of the timeline, or a form says in words what its UTC means.
import { once } from "./dom.js";

const WASHINGTON = new Intl.DateTimeFormat("en-GB", { timeZone: "America/New_York", weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function law(root) {
  once(root, "[data-at]", (button) => {
    button.addEventListener("click", () => {
      const field = document.getElementById("at");
      if (!field) return;
      field.value = button.dataset.at;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      const form = field.form;
      if (form.querySelector("#name").value || form.querySelector("#sku").value || form.querySelector("#host").value) form.requestSubmit();
      else field.focus();
    });
  });
  once(root, "[data-words]", (field) => {
    const words = document.getElementById(field.dataset.words);
    const usual = words.textContent;
    field.addEventListener("input", () => {
      const at = new Date(`${field.value}Z`);
      words.textContent = field.value && !Number.isNaN(at.getTime()) ? `In Washington: ${WASHINGTON.format(at)}${from(at)}` : usual;
    });
  });
}

function from(at) {
  const minutes = Math.round((at.getTime() - Date.now()) / 60000);
  const [count, unit] = Math.abs(minutes) >= 2880 ? [Math.round(minutes / 1440), "day"] : Math.abs(minutes) >= 120 ? [Math.round(minutes / 60), "hour"] : [minutes, "minute"];
  return `, ${new Intl.RelativeTimeFormat("en-GB", { numeric: "always" }).format(count, unit)}`;
}
