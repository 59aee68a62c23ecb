// All items of the category that the neighbours vote for, page by page, the nearest first.
const section = element.querySelector(".lat-more");
const mode = element.closest(".mode") ?? document.body;
let value = {};

function thumb({ id, alt }) {
  const image = make("img", {
    src: `picture/${encodeURIComponent(value.catalog)}?side=160&id=${encodeURIComponent(id)}`, alt, loading: "lazy",
  });
  const button = make("button", { type: "button", title: "Search by this picture" }, image);
  button.addEventListener("click", () => mode.dispatchEvent(new CustomEvent("query", { detail: { item: id, alt } })));
  return make("li", {}, button);
}

function pager() {
  const button = (text, page) => {
    const made = make("button", { type: "button" }, text);
    made.disabled = page < 0 || page >= value.pages;
    made.addEventListener("click", () => turn(page));
    return made;
  };
  const place = make("span", {}, `Page ${value.page + 1} of ${value.pages.toLocaleString()}`);
  return make("div", { class: "lat-pager" }, button("Previous", value.page - 1), place, button("Next", value.page + 1));
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
    ...(value.pages > 1 ? [pager()] : []),
  );
}

function receive() {
  value = JSON.parse(JSON.stringify(props.value || {}));
  draw();
}
watch("value", receive);
receive();
