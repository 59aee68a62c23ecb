// The filters: one set of check boxes per attribute of the catalogue; an "asked" event asks the same question under others.
import { make, plain, tell } from "../widgets/elements.js";

export function mount({ element, props, watch }) {
  const SHOWN = 12;
  const SAID = { true: "yes", false: "no" };
  let value = {};

  function send() {
    props.value = { ...value };
    tell(document, "asked");
  }

  function choose(name, text, on) {
    const others = (value.chosen[name] ?? []).filter((other) => other !== text);
    value.chosen = { ...value.chosen, [name]: on ? [...others, text] : others };
    if (!value.chosen[name].length) delete value.chosen[name];
    clear.hidden = !Object.keys(value.chosen).length;
    send();
  }

  function chip(name, text, count, index) {
    const box = make("input", { type: "checkbox" });
    box.checked = (value.chosen[name] ?? []).includes(text);
    box.addEventListener("change", () => choose(name, text, box.checked));
    const label = make("label", { class: "chip" }, box, make("span", {}, SAID[text.toLowerCase()] ?? text), ...(count === null ? [] : [make("small", {}, count.toLocaleString("en"))]));
    label.hidden = count !== null && index >= SHOWN && !box.checked;
    return label;
  }

  function facet({ name, values }) {
    const chips = values.map(([text, count], index) => chip(name, text, count, index));
    const set = make("fieldset", {}, make("legend", {}, name.replaceAll("_", " ")), ...chips);
    if (chips.some(({ hidden }) => hidden)) {
      const more = make("button", { type: "button", class: "link" }, `Show all ${values.length}`);
      more.addEventListener("click", () => {
        for (const made of chips) made.hidden = false;
        more.remove();
      });
      set.append(more);
    }
    return set;
  }

  const clear = make("button", { type: "button", class: "link" }, "Clear filters");
  function forget() {
    value.chosen = {};
    draw();
    send();
  }
  clear.addEventListener("click", forget);
  document.addEventListener("clear-filters", forget);

  function draw() {
    const facets = (value.facets ?? []).map(facet);
    const none = make("p", { class: "none" }, "The pictures of this catalogue have no attributes to filter by.");
    clear.hidden = !Object.keys(value.chosen).length;
    element.querySelector(".filters").replaceChildren(...(facets.length ? [...facets, clear] : [none]));
  }

  function receive() {
    value = { chosen: {}, ...plain(props.value) };
    draw();
  }
  watch("value", receive);
  receive();
}
