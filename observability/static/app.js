// What the pages gain with JavaScript: live rows, keys, relative times. Everything reads and acts without it.
(() => {
  "use strict";
  const etags = new Map();
  let lastGood = Date.now();

  // Live rows: our own If-None-Match, so that an unchanged fragment is a 304 that htmx leaves alone.
  document.addEventListener("htmx:configRequest", (event) => {
    const tag = etags.get(event.detail.path);
    if (event.detail.verb === "get" && tag) event.detail.headers["If-None-Match"] = tag;
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, pathInfo } = event.detail;
    const tag = xhr.getResponseHeader("ETag");
    if (tag && pathInfo) etags.set(pathInfo.requestPath, tag);
    if (xhr.status === 200 || xhr.status === 304) { lastGood = Date.now(); stale(false); }
    if (xhr.status === 200 && xhr.responseURL && new URL(xhr.responseURL).pathname === "/login/") location.reload();
  });
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, () => stale(true));
  const stale = (on) => {
    const note = document.getElementById("stale");
    if (!note) return;
    note.hidden = !on;
    if (on) note.textContent = `Not updated for ${span((Date.now() - lastGood) / 1000)}: the server does not answer.`;
  };

  // Time is said twice: relative here, absolute in the title.
  const span = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) { const m = Math.floor((s % 3600) / 60); return `${Math.floor(s / 3600)} h` + (m ? ` ${m} min` : ""); }
    const h = Math.floor((s % 86400) / 3600);
    return `${Math.floor(s / 86400)} d` + (h ? ` ${h} h` : "");
  };
  // The server's clock, not the laptop's; in a demo played in virtual time they differ by weeks.
  const offset = Date.parse(document.documentElement.dataset.now || "") - Date.now() || 0;
  const tick = () => {
    for (const element of document.querySelectorAll("time[data-relative]")) {
      const seconds = (Date.now() + offset - Date.parse(element.dateTime)) / 1000;
      const style = element.dataset.relative;
      const text = style === "span" ? span(seconds) : seconds >= 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
      if (element.textContent !== text) element.textContent = text;
    }
  };
  setInterval(tick, 1000);

  // Keys. A form field keeps its letters.
  let pending = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
    const key = event.key;
    const place = pending === "g" && document.querySelector(`#menu [data-go="${CSS.escape(key)}"]`);
    if (place) { pending = ""; location.href = place.href; return; }
    pending = key === "g" ? "g" : "";
    if (key === "/") { const box = document.getElementById("search"); if (box) { event.preventDefault(); if (!box.checkVisibility()) document.getElementById("menu").showPopover(); box.focus(); box.select(); } }
    if (key === "?") { const keys = document.getElementById("keys"); if (keys && keys.showModal) keys.open ? keys.close() : keys.showModal(); }
    if (key === "a") { const form = document.querySelector("form[data-key=a]"); if (form) form.requestSubmit(); }
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) { const dialog = document.getElementById(opener.dataset.opens); if (dialog && dialog.showModal) { event.preventDefault(); dialog.showModal(); } }
    if (event.target.closest("[data-print]")) print();
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto]");
    if (form) form.requestSubmit();
  });
})();
