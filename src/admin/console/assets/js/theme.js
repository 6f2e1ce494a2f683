// Light or dark, before the first paint. A plain script in the head, so that no page flashes in the other theme.
// The choice is `interdict-theme` in localStorage: "light" or "dark"; absent: as the system has it.
(function () {
  const KEY = "interdict-theme";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      const value = window.localStorage.getItem(KEY);
      return value === "light" || value === "dark" ? value : null;
    } catch {
      return null; // Storage may be forbidden; the system's theme is then the only one.
    }
  }

  function apply() {
    const theme = chosen() ?? (dark.matches ? "dark" : "light");
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("theme", { detail: theme }));
  }

  function label() {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.setAttribute("aria-label", `Switch to the ${next} theme`);
      button.title = `Switch to the ${next} theme`;
    }
  }

  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("theme", label);
  document.addEventListener("DOMContentLoaded", label);
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-theme-toggle]")) return;
    try {
      window.localStorage.setItem(KEY, root.dataset.theme === "dark" ? "light" : "dark");
    } catch {
      root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
      document.dispatchEvent(new CustomEvent("theme", { detail: root.dataset.theme }));
      return;
    }
    apply();
  });
})();
