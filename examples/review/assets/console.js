"use strict";
// Keys and live figures. Every page works without it.

const switchName = "review-letters-off";
const letters = {
  get on() { try { return localStorage.getItem(switchName) !== "yes"; } catch { return true; } },
  set on(yes) { try { yes ? localStorage.removeItem(switchName) : localStorage.setItem(switchName, "yes"); } catch { /* private window */ } },
};

const box = document.getElementById("keys");
if (box) {
  box.checked = letters.on;
  box.addEventListener("change", () => { letters.on = box.checked; });
}

function move(by) {
  const links = [...document.querySelectorAll("a.case")];
  const turn = document.querySelector(by > 0 ? "a[rel=next]" : "a[rel=prev]");
  if (document.querySelector("nav[aria-label=Cases]")) {
    if (turn) location.assign(turn.href);
    return;
  }
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
  if (links[next]) links[next].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !letters.on) return;
  if (event.target.closest("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
    return;
  }
  if (!/^[a-z?]$/.test(event.key)) return;
  const target = document.querySelector(`[data-key="${event.key}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.matches("a")) target.click(); else target.focus();
});

// The figures are asked for now and then; what has changed is said once, and quietly.
const live = document.getElementById("live");
async function refresh() {
  try {
    const answer = await fetch("/figures", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const figures = await answer.json();
    const said = [];
    for (const place of document.querySelectorAll("[data-figure]")) {
      const now = String(figures[place.dataset.figure]);
      if (place.textContent !== now) {
        place.textContent = now;
        said.push(`${place.previousElementSibling.textContent}: ${now}`);
      }
    }
    if (said.length > 0) live.textContent = said.join(", ");
    document.documentElement.dataset.live = "yes";
  } catch {
    live.textContent = "The figures are those of when the page was loaded.";
  }
}
if (live) {
  refresh();
  setInterval(() => { if (!document.hidden) refresh(); }, 5000);
}
