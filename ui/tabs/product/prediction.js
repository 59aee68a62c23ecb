// What a garment is: probabilities as bars, where the network looked, colours, pattern, and what goes with it.
// Everything that a catalogue or a visitor wrote enters the page as text only.
import { make, plain } from "../../widgets/elements.js";

export function mount({ element, props, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const percent = (share) => (share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`);

  function bars(probabilities, label) {
    const list = make("ul", { class: "pro-bars", "aria-label": label });
    for (const [name, share] of probabilities) {
      const bar = make("span", { class: "pro-bar" }, make("i", { style: `width:${Math.max(share * 100, 0.5)}%` }));
      list.append(make("li", {}, make("span", { class: "pro-name" }, name), bar, make("span", { class: "pro-share" }, percent(share))));
    }
    return list;
  }

  function verdict(value) {
    const best = percent(value.probabilities[0][1]);
    if (value.sure) return make("p", { class: "pro-verdict" }, make("strong", {}, value.label), ` · ${best} sure`);
    const others = value.probabilities.slice(0, 2).map(([name]) => name).join(" or ");
    return make("p", { class: "pro-verdict doubt" }, make("strong", {}, "Not sure"), ` · perhaps ${others}`);
  }

  function colours(value) {
    const strip = make("div", { class: "pro-strip", "aria-hidden": "true" });
    const words = make("p", { class: "pro-line" });
    value.colours.forEach(([name, share, shade], n) => {
      strip.append(make("i", { style: `flex:${share};background:${shade}` }));
      words.append(n ? " · " : "", `${name} ${percent(share)}`);
    });
    return [make("h4", {}, "Colours of the garment"), strip, words];
  }

  function goes(value) {
    if (!value.goes.length) return [];
    const list = make("ul", { class: "pro-goes" });
    for (const each of value.goes) {
      const why = `${each.near} of the ${each.of} nearest, ${each.lift} times as often as in the catalogue`;
      list.append(make("li", {}, make("strong", {}, each.value), ` ${each.attribute.replaceAll("_", " ")} `, make("span", { class: "pro-why" }, why)));
    }
    return [make("h4", {}, "Goes with"), list];
  }

  function asked(wanted) {
    const parts = [...wanted.kinds, ...wanted.colours, ...wanted.patterns, ...wanted.values, ...wanted.unwanted.map((each) => `not ${each}`)];
    const line = make("p", { class: "pro-line" }, "Understood: ", make("strong", {}, parts.join(" · ")));
    if (wanted.unknown.length) line.append(` (not understood: ${wanted.unknown.join(", ")})`);
    return line;
  }

  function draw() {
    const value = plain(props.value, null);
    const place = $(".pro-reading");
    if (!value) return place.replaceChildren();
    if (value.wanted) return place.replaceChildren(asked(value.wanted));
    const picture = make("figure", {}, make("img", { src: value.heat, alt: `Where the network looked for ${value.label}` }), make("figcaption", {}, "In colour: what spoke for it"));
    const pattern = value.pattern ? [make("h4", {}, "Pattern"), make("p", { class: "pro-line" }, value.pattern)] : [];
    const left = make("div", { class: "pro-words" }, verdict(value), bars(value.probabilities, "Probability of each kind"));
    const right = make("div", { class: "pro-words" }, ...colours(value), ...pattern);
    place.replaceChildren(picture, left, right, ...(value.goes.length ? [make("div", { class: "pro-words" }, ...goes(value))] : []));
  }
  watch("value", draw);
  draw();
}
