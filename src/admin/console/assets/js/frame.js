// The frame of the page: the drawer of a phone, the clock.

export function frame() {
  const menu = document.querySelector("[data-menu]");
  const side = document.getElementById("side");
  const body = document.querySelector(".body");
  const narrow = window.matchMedia("(max-width: 860px)");
  if (menu && side && body) {
    const set = (open) => {
      document.documentElement.classList.toggle("nav-open", open);
      menu.setAttribute("aria-expanded", String(open));
      body.inert = open;
      if (open) side.querySelector("a")?.focus();
    };
    const close = () => {
      if (!document.documentElement.classList.contains("nav-open")) return;
      set(false);
      menu.focus();
    };
    menu.addEventListener("click", () => set(true));
    document.querySelector(".scrim")?.addEventListener("click", close);
    document.addEventListener("keydown", (event) => event.key === "Escape" && close());
    narrow.addEventListener("change", () => set(false));
  }

  const clock = document.querySelector("[data-clock]");
  if (clock) {
    const tick = () => {
      const now = new Date().toISOString();
      clock.textContent = `${now.slice(11, 19)} UTC`;
      clock.dateTime = now;
    };
    tick();
    setInterval(tick, 1000);
  }
}
