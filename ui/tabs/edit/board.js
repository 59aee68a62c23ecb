// What came of an edit: pictures on the way, then each beside its original with a slider, and the visit's history.
// 'submit' asks for look-alikes of value.chosen, a number in the history that Python keeps.
import { make, plain } from "../../widgets/elements.js";

export function mount({ element, props, trigger, watch }) {
  const mode = element.closest(".mode") ?? document.body;
  const $ = (selector) => element.querySelector(selector);
  let value = {};
  let turned = 50;

  function action(text, label, doing, kind = "") {
    const made = make("button", { type: "button", class: kind, "aria-label": label }, text);
    made.addEventListener("click", doing);
    return made;
  }

  function compared({ before, after, words }, name) {
    const slider = make("input", { type: "range", min: "0", max: "100", value: String(turned), "aria-label": `${name}: how much of the original is shown` });
    const pair = make("div", { class: "pair" },
      make("img", { src: after, alt: `${name}, edited: ${words}` }),
      make("img", { src: before, alt: `${name}, before`, class: "old" }),
      make("span", { class: "tag left", "aria-hidden": "true" }, "before"),
      make("span", { class: "tag right", "aria-hidden": "true" }, "after"), make("i", {}), slider);
    const turn = () => {
      pair.style.setProperty("--part", `${slider.value}%`);
      turned = Number(slider.value);
    };
    slider.addEventListener("input", turn);
    turn();
    return pair;
  }

  function find(place) {
    value = { ...value, chosen: place, item: null, liked: [], disliked: [] };
    props.value = value;
    mode.dispatchEvent(new CustomEvent("asked", { detail: { far: true } }));
    trigger("submit");
  }

  function again({ picture, words }) {
    mode.dispatchEvent(new CustomEvent("edit-again", { detail: { picture, alt: `Edited: ${words}` } }));
  }

  function finished(place) {
    const each = value.history[place];
    const name = `Variant ${value.made.indexOf(place) + 1}`;
    return make("li", { class: "variant" }, compared(each, name), make("div", { class: "doings" },
      action("Find look-alikes", `${name}: find look-alikes`, () => find(place), "primary"),
      action("Keep editing", `${name}: keep editing`, () => again(each)),
      make("a", { href: each.after, download: each.picture.orig_name, "aria-label": `${name}: download` }, "Download")));
  }

  function coming({ sketch, note }, index) {
    const inside = sketch ? make("img", { src: sketch, alt: `Variant ${index + 1}, on its way` }) : make("div", { class: "ghost" });
    return make("li", { class: `variant coming` }, inside, make("p", {}, note));
  }

  function example({ before, after, words }) {
    return make("figure", { class: "example" }, compared({ before, after, words }, "Example"),
      make("figcaption", {}, `Drawn by our own script, to show how this works: “${words}”.`));
  }

  function now() {
    const parts = [];
    if (value.title) parts.push(make("h2", {}, value.title));
    if (value.text) parts.push(make("p", value.state === "problem" ? { class: "problem", role: "alert" } : { role: "status" }, value.text));
    if (value.state === "making") parts.push(make("ol", { class: "variants" }, ...value.coming.map(coming)));
    if (value.made?.length) parts.push(make("ol", { class: `variants of${value.made.length}` }, ...value.made.map(finished)));
    for (const line of value.steps ?? []) parts.push(make("p", { class: "step" }, line));
    if (value.example) parts.push(example(value.example));
    return parts;
  }

  function visit() {
    const past = value.history ?? [];
    $(".visit").hidden = past.length < 2;
    $(".visit ol").replaceChildren(...past.map((each, place) => {
      const made = action("", `Edit ${place + 1}: ${each.words}`, () => {
        value = { ...value, state: "made", title: "", text: "", made: [place] };
        props.value = value;
        draw();
      });
      made.append(make("img", { src: each.after, alt: "" }), make("span", {}, each.words));
      return make("li", {}, made);
    }).reverse());
  }

  function draw() {
    $(".now").replaceChildren(...now());
    visit();
  }

  function receive() {
    value = plain(props.value);
    draw();
  }
  // A click on a result, or its marks, asks again in the same place.
  mode.addEventListener("query", (event) => {
    const { detail } = event;
    event.stopPropagation();
    value = { ...value, liked: [], disliked: [], ...detail };
    props.value = value;
    mode.dispatchEvent(new CustomEvent("asked", { detail: {} }));
    trigger("submit");
  });
  watch("value", receive);
  receive();
}
