// Previous, place, next: `turn` gets the number of the page that was chosen, from 0.
import { make } from "./elements.js";

export function pager(page, pages, turn) {
  const button = (text, to) => {
    const made = make("button", { type: "button" }, text);
    made.disabled = to < 0 || to >= pages;
    made.addEventListener("click", () => turn(to));
    return made;
  };
  const place = make("span", {}, `Page ${(page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}`);
  return make("div", { class: "pager" }, button("Previous", page - 1), place, button("Next", page + 1));
}
