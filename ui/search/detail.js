// One result, large: its picture, why it matched, all its facts, links that open safely, and what can be done with it.
// The dialog is the browser's own, so Escape closes it; the focus goes back to where it was.
import { make, pictureAddress } from "../widgets/elements.js";

const named = (name) => name.replaceAll("_", " ");

// The address that a fact is, or nothing: only what is plainly http or https is ever opened.
export function link(text) {
  if (!/^https?:\/\/\S+$/i.test(text)) return "";
  try {
    return new URL(text).href;
  } catch {
    return "";
  }
}

function fact([name, text]) {
  const address = link(text);
  const shown = address ? make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text) : text;
  return [make("dt", {}, named(name)), make("dd", {}, shown)];
}

// Show `hit` of `catalog` over the page; `doings` are [text, what to do] and close the dialog.
export function openDetail(place, { catalog, hit, alt, doings }) {
  const close = make("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
  const buttons = doings.map(([text, doing], index) => {
    const button = make("button", { type: "button", class: index ? "" : "primary" }, text);
    button.addEventListener("click", () => {
      dialog.close();
      doing();
    });
    return button;
  });
  const dialog = make(
    "dialog", { class: "detail-view", "aria-label": alt }, close,
    make("img", { src: pictureAddress(catalog, hit.id, 640), alt }),
    make(
      "div", { class: "told" },
      ...(hit.why ? [make("p", { class: "why-found" }, hit.why.join(" · "))] : []),
      make("dl", {}, ...Object.entries(hit.attributes).flatMap(fact), make("dt", {}, "file"), make("dd", {}, hit.id)),
      make("div", { class: "doings" }, ...buttons),
    ),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus();
  });
  place.append(dialog);
  dialog.showModal();
}
