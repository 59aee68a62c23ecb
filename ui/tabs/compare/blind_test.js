// The blind taste test: one question, two grids, three answers. 'submit' begins it, 'select' brings the vote.
import { make, pictureAddress, plain } from "../../widgets/elements.js";

export function mount({ element, props, trigger, watch }) {
  const section = element.querySelector(".cmp-taste");
  let value = {};

  const picture = (id, side, alt) => make("img", {
    src: pictureAddress(value.catalog, id, side), alt, decoding: "async",
  });

  function button(text, kind, doing) {
    const made = make("button", { type: "button", class: kind }, text);
    made.addEventListener("click", () => {
      for (const other of section.querySelectorAll("button")) other.disabled = true;
      doing();
    });
    return made;
  }

  function grid(letter, ids) {
    const cards = ids.map((id, place) => make("li", {}, picture(id, 320, `${letter}, result ${place + 1}: ${id}`)));
    return make(
      "div", { class: "cmp-side", role: "group", "aria-label": `Answer ${letter}` },
      make("h3", {}, letter), make("ol", {}, ...cards),
      button(`${letter} is better`, "primary", () => trigger("select", { choice: letter.toLowerCase() })),
    );
  }

  function score() {
    if (!value.score?.text) return [make("p", { class: "cmp-score", role: "status" }, "Which answer is more like the question? The engines are named after your first vote.")];
    const parts = [make("p", { class: "cmp-score", role: "status" }, value.score.text)];
    if (value.score.share) {
      const [share, low, high] = value.score.share.map((part) => `${part * 100}%`);
      const bar = make("div", { class: "cmp-share", "aria-hidden": "true" });
      bar.append(make("i", { style: `left:${low};right:calc(100% - ${high})` }), make("b", { style: `left:${share}` }));
      parts.push(bar, make("p", { class: "cmp-legend" }, value.score.detail));
    }
    return parts;
  }

  function pair() {
    const question = make("figure", { class: "cmp-question" }, picture(value.query, 320, `The question: ${value.query}`), make("figcaption", {}, "The question"));
    const same = button("No difference", "", () => trigger("select", { choice: "same" }));
    return [make("div", { class: "cmp-pair" }, question, grid("A", value.a), grid("B", value.b)), make("div", { class: "cmp-same" }, same), ...score()];
  }

  function receive() {
    value = plain(props.value);
    if (!value.state) return;
    const notice = () => [make("p", { class: "cmp-legend" }, value.text), button("Begin", "primary", () => trigger("submit"))];
    section.replaceChildren(...(value.state === "pair" ? pair() : notice()));
  }
  watch("value", receive);
  receive();
}
