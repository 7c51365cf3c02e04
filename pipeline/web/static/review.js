// Keys beside the buttons of the review queue: a, x, u press one, c opens the value, s or → skips, z takes back.
"use strict";

const keyed = (key) => document.querySelector(`[data-key="${key}"]`);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const typing = event.target.closest("input, select, textarea");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  const key = event.key === "ArrowRight" ? "s" : event.key.toLowerCase();
  const target = "acxusz".includes(key) && key.length === 1 ? keyed(key) : null;
  if (!target) return;
  event.preventDefault();
  if (target.tagName === "FORM") target.requestSubmit();
  else if (target.tagName === "INPUT") target.select();
  else target.click();
});

// A second press while the first is on its way would say something of the next value.
document.addEventListener("submit", (event) => {
  if (document.body.dataset.sent) event.preventDefault();
  document.body.dataset.sent = "1";
});
window.addEventListener("pageshow", () => delete document.body.dataset.sent);
