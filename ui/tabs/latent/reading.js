// What the model makes of the picture: three small pictures, the neighbours' vote, and how strange it is.
import { make } from "../../widgets/elements.js";

export function mount({ element, props, server, watch }) {
  const section = element.querySelector(".lat-reading");
  const POLL = 1500;
  let asked = 0;

  const tile = (src, alt, caption) =>
    make("figure", {}, make("img", { src, alt, width: 112, height: 112 }), make("figcaption", {}, caption));

  function vote(value) {
    if (!value.votes.length) return make("p", { class: "lat-verdict" }, "The nearest pictures have no category to vote for.");
    const [first] = value.votes;
    const verdict = make("p", { class: "lat-verdict" }, "Its neighbours say: ", make("b", {}, first.name));
    const bars = value.votes.map(({ name, count }) =>
      make("li", {}, make("span", { class: "name" }, name),
        make("span", { class: "bar" }, make("span", { style: `width:${(count / value.of) * 100}%` })),
        make("span", { class: "count" }, `${count} of ${value.of}`)));
    return make("div", {}, verdict, make("ul", { class: "lat-votes", "aria-label": "Votes of the nearest pictures" }, ...bars));
  }

  function strange(value) {
    const words = make("p", { class: "lat-strange" }, "Comparing it with the catalogue …");
    const gauge = make("meter", { min: 0, max: 1, value: 0, hidden: "", "aria-label": "Part of the catalogue that is less strange" });
    const exact = `How likely the model finds it: ${value.evidence} nats (ELBO, higher is more likely).`;
    follow(value, words, gauge, ++asked);
    return make("div", { class: "lat-gauge" }, words, gauge, make("p", { class: "lat-note" }, exact));
  }

  async function follow(value, words, gauge, turn) {
    const { catalog, weights, score } = value;
    const told = await server.share_below({ catalog, weights, score });
    if (turn !== asked) return;
    if (told.problem) {
      words.textContent = told.problem;
    } else if (told.part === undefined) {
      words.textContent = told.total
        ? `Comparing it with the catalogue: ${told.done.toLocaleString()} of ${told.total.toLocaleString()} pictures …`
        : "Comparing it with the catalogue …";
      setTimeout(() => turn === asked && follow(value, words, gauge, turn), POLL);
    } else {
      const percent = (told.part * 100).toFixed(1);
      words.replaceChildren("Stranger than ", make("b", {}, `${percent} %`), ` of the catalogue`);
      gauge.value = told.part;
      gauge.hidden = false;
    }
  }

  function draw() {
    const { value } = props;
    asked += 1;
    if (!value?.seen) return section.replaceChildren();
    section.replaceChildren(
      make("div", { class: "lat-tiles" },
        tile(value.seen, "Your picture as 28 by 28 grey pixels", "What the model sees"),
        tile(value.decoded, "The picture as the model draws it again", "What it draws of that"),
        tile(value.heat, "Your picture with the differences in orange", "Where they differ")),
      make("div", { class: "lat-words" }, vote(value), strange(value)),
    );
  }
  watch("value", draw);
  draw();
}
