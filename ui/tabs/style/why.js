// What makes this style: how well the two pictures agree from fine to coarse, and where the result shows it.
import { make, pictureAddress, plain } from "../../widgets/elements.js";

export function mount({ element, props, trigger, watch }) {
  const mode = element.closest(".mode") ?? document.body;
  const $ = (selector) => element.querySelector(selector);
  let value = {};

  const address = (side) => pictureAddress(value.catalog, value.id, side);

  function agreement({ name, layer, cosine }, best) {
    const bar = make("span", { class: "why-bar" }, make("span", { style: `width:${Math.max(0, cosine) * 100}%` }));
    const row = make(
      "li", { title: `${layer}: cosine of the Gram matrices ${cosine.toFixed(2)}` },
      make("span", { class: "why-name" }, name), bar, make("span", { class: "why-score" }, cosine.toFixed(2)),
    );
    if (best) row.classList.add("best");
    return row;
  }

  // A patch is cut out of the result by the browser: the picture is drawn once, each cut on its own canvas.
  function patch(image, [left, top, right, bottom], number) {
    const canvas = make("canvas", { width: "180", height: "180", role: "img", "aria-label": `Texture ${number} of the result` });
    const [wide, high] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(
      image, left * wide, top * high, (right - left) * wide, (bottom - top) * high, 0, 0, 180, 180,
    );
    return canvas;
  }

  function cut() {
    const image = new Image();
    const asked = value.at;
    image.addEventListener("load", () => {
      if (asked === value.at) $(".why-places").replaceChildren(...value.places.map((place, n) => patch(image, place, n + 1)));
    });
    image.src = address(640);
  }

  function receive() {
    const next = plain(props.value);
    if (next.state === "asked") return;
    value = next;
    element.classList.remove("busy");
    $(".why").hidden = !value.state;
    if (!value.state) return;
    const found = value.state === "match";
    $(".why-body").hidden = !found;
    if (!found) {
      $(".why-said").textContent = value.text;
      return;
    }
    const best = Math.max(...value.layers.map(({ cosine }) => cosine));
    const strongest = value.layers.find(({ cosine }) => cosine === best);
    $(".why-said").textContent = `Result ${value.rank}, ${value.name}: closest to your picture in ${strongest.name}.`;
    $(".why-layers").replaceChildren(...value.layers.map((layer) => agreement(layer, layer === strongest)));
    $(".why-places").replaceChildren();
    cut();
  }

  mode.addEventListener("why", ({ detail }) => {
    element.classList.add("busy");
    props.value = { state: "asked", asked: detail.id };
    trigger("submit");
    element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
  watch("value", receive);
  receive();
}
