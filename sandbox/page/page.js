// What only the browser can know: where things are, what has the focus, how far somebody has scrolled.
window.sandboxPage = {
  node: (id) => document.getElementById(`c${id}`),

  // Put a menu below its anchor, or above it where there is more room.
  place(menuId, anchorId) {
    const menu = this.node(menuId);
    const anchor = this.node(anchorId);
    if (!menu || !anchor) return;
    const box = (anchor.closest(".select, .composer") || anchor).getBoundingClientRect();
    const below = window.innerHeight - box.bottom - 12;
    const above = box.top - 12;
    const up = below < Math.min(260, menu.scrollHeight) && above > below;
    const wide = menu.matches(".options, .completion");
    if (wide) menu.style.width = `${Math.max(box.width, menu.matches(".completion") ? 0 : 220)}px`;
    menu.style.maxHeight = `${Math.min(up ? above : below, 380)}px`;
    menu.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - menu.offsetWidth - 8))}px`;
    if (up) menu.style.bottom = `${window.innerHeight - box.top + 4}px`;
    else menu.style.top = `${box.bottom + 4}px`;
    menu.style.visibility = "visible";
  },

  address(path) {
    history.replaceState(history.state, "", path);
  },

  focus(id) {
    this.node(id)?.focus();
  },

  select(id) {
    this.node(id)?.select();
  },

  // What is written in a closed select is what is chosen.
  restore(id) {
    const field = this.node(id);
    if (field) field.value = field.defaultValue;
  },

  put(id, text) {
    const field = this.node(id);
    if (!field) return;
    field.value = text;
    field.focus();
    this.grow(field);
  },

  // A message was sent: empty the field, unless something else was typed meanwhile.
  sent(id, text) {
    const field = this.node(id);
    if (field && field.value === text) this.put(id, "");
  },

  grow(field) {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 180)}px`;
  },

  // A modal opened: the cursor goes to the field that asks for it, else the first.
  enter(id) {
    const dialog = this.node(id);
    const first = dialog?.querySelector("[data-first]") || dialog?.querySelector(".dialog-body input, .dialog-body textarea");
    if (first) first.focus({ preventScroll: true });
  },

  showError() {
    requestAnimationFrame(() => document.querySelector(".dialog .error")?.scrollIntoView({ block: "center" }));
  },
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") emitEvent("escape");
});

document.addEventListener(
  "pointerdown",
  (event) => {
    if (document.querySelector(".menu") && !event.target.closest(".menu, [aria-expanded=true]")) emitEvent("outside");
  },
  true,
);

document.addEventListener("input", (event) => {
  if (event.target.matches(".composer-field")) sandboxPage.grow(event.target);
});

// Conversations stay at their newest message unless somebody scrolls up.
document.addEventListener(
  "scroll",
  (event) => {
    const list = event.target;
    if (list.classList?.contains("stick")) list.dataset.away = list.scrollHeight - list.scrollTop - list.clientHeight > 80;
  },
  true,
);
new MutationObserver((changes) => {
  for (const list of document.querySelectorAll(".stick")) if (list.dataset.away !== "true") list.scrollTop = list.scrollHeight;
  if (!changes.some((change) => change.target.closest?.(".menu"))) return;
  for (const line of document.querySelectorAll(".menu .marked")) line.scrollIntoView({ block: "nearest" });
}).observe(document, { childList: true, subtree: true, characterData: true });

// A machine without an emoji font draws the same box for every emoji.
(() => {
  const drawn = (text) => {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.font = "24px system-ui, sans-serif";
    pen.fillText(text, 0, 24);
    return canvas.toDataURL();
  };
  const colourful = drawn("\u{1F680}") !== drawn("\u{1F98B}");
  document.documentElement.classList.toggle("no-emoji", !colourful);
})();
