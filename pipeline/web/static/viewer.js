// The comfort of the page viewer: zoom that keeps its place, fields and regions that show each other, words that can be
// selected over the scan, keys, the heat map. Without it the page still shows the scan, its marks and its fields.
"use strict";
{
  const PAD = 20; // px of desk around the sheet
  const WIDEST = 1100; // px: beyond it, lines of a full page are too long to follow
  const STEP = 1.25;
  const FEW = 6; // shares of the sheet's width closer than which a click is a slip, in px

  const viewer = document.querySelector(".viewer");
  const stage = viewer.querySelector(".stage");
  const sheet = viewer.querySelector(".sheet");
  const help = document.getElementById("help");
  document.documentElement.classList.add("script");

  // ---- zoom: "width", "page", or the share of the paper's own size

  const size = sheet && { width: +sheet.dataset.width, height: +sheet.dataset.height, dpi: +sheet.dataset.dpi };
  let zoom = sessionStorage.getItem("zoom") || "width";

  const paper = () => (size.width / (size.dpi || 200)) * 96; // CSS px of the paper's width
  const byWidth = () => Math.min(stage.clientWidth - 2 * PAD, WIDEST);
  const byPage = () => Math.min(byWidth(), ((stage.clientHeight - 2 * PAD) * size.width) / size.height);
  const width = () => (zoom === "width" ? byWidth() : zoom === "page" ? byPage() : paper() * +zoom);

  function apply() {
    const wide = Math.max(width(), 80);
    if (zoom === "width") sheet.style.removeProperty("width"); // the stylesheet says the same
    else sheet.style.width = `${wide}px`;
    viewer.querySelector("[data-do=fit]").textContent = `${Math.round((100 * wide) / paper())} %`;
  }

  function zoomTo(next, at = middle()) {
    const before = sheet.getBoundingClientRect();
    const x = (at.x - before.left) / before.width;
    const y = (at.y - before.top) / before.height;
    zoom = next;
    sessionStorage.setItem("zoom", zoom);
    apply();
    const after = sheet.getBoundingClientRect();
    stage.scrollLeft += after.left + x * after.width - at.x;
    stage.scrollTop += after.top + y * after.height - at.y;
  }

  function middle() {
    const box = stage.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  }

  function zoomBy(factor, at) {
    const now = sheet.getBoundingClientRect().width / paper();
    zoomTo(Math.min(Math.max(now * factor, 0.2), 6).toFixed(3), at);
  }

  // ---- fields and regions

  const regions = sheet ? [...sheet.querySelectorAll(".region")] : [];
  const fields = [...viewer.querySelectorAll(".field")];
  const of = (key) => [...regions, ...fields].filter((each) => each.dataset.key === key);
  let chosen = "";
  let hovered = "";

  function mark(name, old, key) {
    for (const each of of(old)) each.classList.remove(name);
    for (const each of of(key)) each.classList.add(name);
    return key;
  }

  const hover = (key) => key !== hovered && (hovered = mark("hovered", hovered, key));

  function choose(key, { scan = true, side = true } = {}) {
    chosen = mark("chosen", chosen, key);
    history.replaceState(null, "", key ? `#${key}` : location.pathname + location.search);
    if (scan) regions.find((each) => each.dataset.key === key)?.scrollIntoView({ block: "center", inline: "nearest" });
    if (side) fields.find((each) => each.dataset.key === key)?.scrollIntoView({ block: "nearest" });
  }

  function keysAt(event) {
    const box = sheet.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    const areas = new Map();
    for (const region of regions) {
      for (const rect of region.children) {
        const [left, top, wide, high] = ["x", "y", "width", "height"].map((name) => +rect.getAttribute(name));
        if (x >= left && x <= left + wide && y >= top && y <= top + high) areas.set(region.dataset.key, wide * high);
      }
    }
    return [...areas].sort((one, other) => one[1] - other[1]).map(([key]) => key); // the closest box first
  }

  function step(by) {
    const at = fields.findIndex((each) => each.dataset.key === chosen);
    const next = fields[at < 0 ? (by > 0 ? 0 : fields.length - 1) : at + by];
    if (next) choose(next.dataset.key);
  }

  for (const field of fields) {
    field.addEventListener("mouseenter", () => hover(field.dataset.key));
    field.addEventListener("mouseleave", () => hover(""));
    field.firstElementChild.addEventListener("click", (event) => {
      event.preventDefault();
      choose(field.dataset.key, { side: false });
    });
  }

  if (sheet) {
    let pressed = { x: 0, y: 0 };
    sheet.addEventListener("pointerdown", (event) => (pressed = { x: event.clientX, y: event.clientY }));
    sheet.addEventListener("pointermove", (event) => {
      const keys = event.buttons || !boxes() ? [] : keysAt(event);
      sheet.classList.toggle("pointing", keys.length > 0);
      hover(keys[0] ?? "");
    });
    sheet.addEventListener("pointerleave", () => hover(""));
    sheet.addEventListener("click", (event) => {
      const moved = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > FEW;
      if (moved || !boxes() || !getSelection().isCollapsed) return; // words were being selected
      const keys = keysAt(event);
      choose(keys[(keys.indexOf(chosen) + 1) % keys.length] ?? "", { scan: false }); // again: the box below
    });
  }

  // ---- words over the scan: each as wide as its box, so that what is selected lies on what is seen

  function placeWords() {
    const layer = sheet.querySelector(".words");
    const made = [];
    for (const line of lines(JSON.parse(document.getElementById("words").textContent))) {
      const top = Math.min(...line.map((word) => word[2]));
      const high = Math.max(...line.map((word) => word[4])) - top;
      line.forEach(([text, left, , right], at) => {
        const last = at === line.length - 1;
        const span = document.createElement("span");
        span.textContent = last ? text : `${text} `;
        span.style.left = `${100 * left}%`;
        span.style.top = `${100 * top}%`;
        span.style.fontSize = `${(100 * high * size.height) / size.width}cqw`;
        made.push([span, last ? right - left : Math.max(line[at + 1][1], right) - left]);
        layer.append(span);
        if (last) layer.append(document.createElement("br"));
      });
    }
    const whole = layer.getBoundingClientRect().width;
    const widths = made.map(([span]) => span.getBoundingClientRect().width / whole); // all read, then all written
    made.forEach(([span, wanted], at) => {
      if (widths[at] > 0 && wanted > 0) span.style.transform = `scaleX(${wanted / widths[at]})`;
    });
    layer.classList.add("placed");
  }

  function lines(words) {
    const found = [];
    for (const word of words) {
      if (found.length && found.at(-1)[0][5] === word[5]) found.at(-1).push(word);
      else found.push([word]);
    }
    return found;
  }

  // ---- what is drawn over the scan

  const boxes = () => sessionStorage.getItem("boxes") !== "off";

  function showBoxes(on) {
    sessionStorage.setItem("boxes", on ? "on" : "off");
    viewer.classList.toggle("bare", !on);
    viewer.querySelector("[data-do=boxes]").setAttribute("aria-pressed", on);
  }

  function toggleHeat() {
    const button = viewer.querySelector("[data-do=heat]");
    if (!button || !sheet) return;
    let heat = sheet.querySelector(".heat");
    if (!heat) {
      heat = new Image();
      heat.className = "heat";
      heat.alt = "";
      heat.hidden = true;
      button.classList.add("busy");
      heat.addEventListener("load", () => button.classList.remove("busy"));
      heat.addEventListener("error", () => {
        button.classList.remove("busy");
        button.title = "The heat map could not be made";
        button.disabled = true;
      });
      heat.src = viewer.dataset.heat;
      sheet.querySelector(".scan").after(heat);
    }
    heat.hidden = !heat.hidden;
    button.setAttribute("aria-pressed", !heat.hidden);
  }

  // ---- buttons, wheel and keys

  const go = (selector) => viewer.querySelector(selector)?.click();
  const fit = () => zoomTo(zoom === "width" ? "page" : "width");
  const acts = {
    in: () => zoomBy(STEP),
    out: () => zoomBy(1 / STEP),
    fit,
    boxes: () => showBoxes(!boxes()),
    heat: toggleHeat,
    help: () => help.showModal(),
  };
  const keys = {
    ArrowLeft: () => wide() || go("a[rel=prev]"),
    ArrowRight: () => wide() || go("a[rel=next]"),
    n: () => go("[data-hit=next]"),
    p: () => go("[data-hit=previous]"),
    j: () => step(1),
    k: () => step(-1),
    "+": acts.in,
    "=": acts.in,
    "-": acts.out,
    0: fit,
    b: acts.boxes,
    h: acts.heat,
    "?": acts.help,
    Escape: () => choose("", { scan: false, side: false }),
  };
  const drawn = new Set(["+", "=", "-", "0"]); // need a scan
  const wide = () => stage.scrollWidth > stage.clientWidth + 1; // then the arrows move the scan

  for (const button of viewer.querySelectorAll("[data-do]")) {
    button.disabled = !sheet && ["in", "out", "fit", "boxes", "heat"].includes(button.dataset.do);
    button.addEventListener("click", () => acts[button.dataset.do]());
  }

  document.addEventListener("keydown", (event) => {
    const elsewhere = event.ctrlKey || event.metaKey || event.altKey || help.open;
    if (elsewhere || event.target.closest("input, textarea, select") || !(event.key in keys)) return;
    if (!sheet && drawn.has(event.key)) return;
    keys[event.key]();
    if (!event.key.startsWith("Arrow")) event.preventDefault();
  });

  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey || !sheet) return;
      event.preventDefault(); // the scan grows, not the whole page
      zoomBy(Math.exp(-event.deltaY / 400), { x: event.clientX, y: event.clientY });
    },
    { passive: false },
  );

  help.addEventListener("click", (event) => event.target === help && help.close());

  // ---- as the page opens

  if (sheet) {
    apply();
    showBoxes(boxes());
    addEventListener("resize", apply);
    placeWords();
  }
  const named = () => [...regions, ...fields].find((each) => `#${each.dataset.key}` === location.hash)?.dataset.key;
  if (named()) choose(named());
  else sheet?.querySelector(".passage rect")?.scrollIntoView({ block: "center", inline: "nearest" });
  addEventListener("hashchange", () => named() && choose(named()));
  stage.focus({ preventScroll: true });
}
