"use strict";
// Plays a person at the keyboard and leaves what came of it on the page.
const root = document.documentElement.dataset;
const broken = [];
document.addEventListener("securitypolicyviolation", (event) => broken.push(event.violatedDirective));

function press(key) {
  const at = document.activeElement || document.body;
  at.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  return document.activeElement;
}

window.addEventListener("load", () => {
  const links = [...document.querySelectorAll("a.case")];
  if (location.pathname === "/queue") {
    root.jk = ["j", "j", "j", "k"].map((key) => links.indexOf(press(key))).join(",");
    document.getElementById("person").focus();
    press("q");
    root.typing = document.activeElement.id === "person" ? "yes" : "no";
    press("Escape");
  } else {
    root.keys = ["u", "o", "x", "r", "n"].map((key) => {
      document.activeElement.blur();
      return `${key}:${press(key).tagName}`;
    }).join(" ");
  }
  root.path = location.pathname;
  root.paper = getComputedStyle(document.body).backgroundColor;
  root.scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.inside = document.documentElement.scrollWidth <= window.innerWidth ? "yes" : "no";
  setTimeout(() => { root.violations = broken.length > 0 ? broken.join(" ") : "none"; }, 1500);
});
