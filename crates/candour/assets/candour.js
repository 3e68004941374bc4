// Image controls and keys: everything on the pages works without them.
"use strict";
(() => {
  for (const hint of document.querySelectorAll("kbd[hidden], .keys[hidden]")) hint.hidden = false;
  const click = (id) => document.getElementById(id)?.click();
  // Editing and overruling need a reason: the key goes to it, and Enter there gives the verdict chosen.
  let verdict = null;
  const reason = document.getElementById("reason");
  const ask = (id) => { verdict = id; reason?.focus(); };
  reason?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && verdict) { event.preventDefault(); click(verdict); }
  });
  const keys = { a: () => click("agree"), e: () => ask("edit"), o: () => ask("overrule") };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "range";
    const act = typing ? undefined : keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  const form = document.querySelector("form.controls");
  const image = document.getElementById("slice-image");
  if (!form || !image) return;
  const caption = document.getElementById("slice-caption");
  let wanted = null, busy = false;
  const source = () => {
    const query = new URLSearchParams(new FormData(form));
    return image.dataset.source + "?" + query;
  };
  const next = () => {
    if (busy || wanted === null) return;
    const src = wanted;
    wanted = null;
    busy = true;
    const loader = new Image();
    loader.onload = () => { image.src = loader.src; busy = false; next(); };
    loader.onerror = () => { busy = false; next(); };
    loader.src = src;
  };
  const update = () => {
    for (const output of form.querySelectorAll("output")) {
      output.value = form.elements[output.dataset.of].value;
    }
    if (caption && form.elements.slice) {
      caption.textContent = "Slice " + form.elements.slice.value + " of " + form.elements.slice.max
        + ", window " + form.elements.center.value + "/" + form.elements.width.value
        + ", overlay " + form.elements.opacity.value + " %";
    }
    wanted = source();
    next();
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => { event.preventDefault(); update(); });
  form.querySelector("button[type=submit]").hidden = true;
  const step = (name, by) => {
    const input = form.elements[name];
    if (!input) return;
    input.value = Number(input.value) + by;
    update();
  };
  image.addEventListener("wheel", (event) => {
    event.preventDefault();
    step("slice", event.deltaY > 0 ? 1 : -1);
  }, { passive: false });
  let drag = null;
  image.addEventListener("pointerdown", (event) => { drag = [event.clientX, event.clientY]; image.setPointerCapture(event.pointerId); event.preventDefault(); });
  image.addEventListener("pointermove", (event) => {
    if (!drag) return;
    step("width", Math.round((event.clientX - drag[0]) * 4));
    step("center", Math.round((event.clientY - drag[1]) * 4));
    drag = [event.clientX, event.clientY];
  });
  image.addEventListener("pointerup", () => { drag = null; });
  // On a slider the arrows move that slider.
  keys.h = () => { form.elements.opacity.value = Number(form.elements.opacity.value) > 0 ? 0 : 45; update(); };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.activeElement?.type === "range") return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const by = { ArrowUp: -1, PageUp: -1, ArrowDown: 1, PageDown: 1 }[event.key];
    if (by) { event.preventDefault(); step("slice", by); }
  });
})();
