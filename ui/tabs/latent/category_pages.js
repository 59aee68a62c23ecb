// All items of the category that the neighbours vote for, page by page, the nearest first.
import { make, pictureAddress, plain, tell } from "../../widgets/elements.js";
import { pager } from "../../widgets/pager.js";

export function mount({ element, props, server, watch }) {
  const section = element.querySelector(".lat-more");
  let value = {};

  function thumb({ id, alt }) {
    const image = make("img", {
      src: pictureAddress(value.catalog, id, 160), alt, loading: "lazy",
    });
    const button = make("button", { type: "button", title: "Search by this picture" }, image);
    button.addEventListener("click", () => tell(element, "query", { item: id, alt }));
    return make("li", {}, button);
  }

  async function turn(page) {
    section.classList.add("busy");
    const { catalog, weights, category, vector } = value;
    const found = await server.kind({ catalog, weights, category, vector, page });
    section.classList.remove("busy");
    if (found.problem) return section.append(make("p", { class: "problem", role: "alert" }, found.problem));
    value = { ...value, ...found };
    draw();
  }

  function draw() {
    if (!value.items?.length) return section.replaceChildren();
    section.replaceChildren(
      make("h2", {}, `All ${value.total.toLocaleString()} of the kind “${value.category}”`),
      make("ul", { class: "lat-thumbs" }, ...value.items.map(thumb)),
      ...(value.pages > 1 ? [pager(value.page, value.pages, turn)] : []),
    );
  }

  function receive() {
    value = plain(props.value);
    draw();
  }
  watch("value", receive);
  receive();
}
