// "/" leads to the search box from every page.
"use strict";
{
  const typing = (target) => target instanceof Element && target.closest("input, textarea, select");
  const box = () => document.getElementById("q");

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    event.preventDefault();
    if (box()) {
      box().focus();
      box().select();
    } else {
      location.href = (document.querySelector("[data-search]")?.dataset.search ?? "/") + "#q";
    }
  });

  if (location.hash === "#q") box()?.focus();
}
