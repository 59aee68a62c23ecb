// Near-duplicates: a threshold, a chart of the number of groups by threshold, and the groups as rows of pictures.
// 'submit' asks when the section is first seen; 'input' asks for the threshold in props.value.
import { make, makeSvg, pictureAddress, plain } from "../../widgets/elements.js";

export function mount({ element, props, trigger, watch }) {
  const section = element.querySelector(".cmp-twins");
  const W = 520, H = 150, LEFT = 34, BOTTOM = 24, TOP = 10;
  let value = {};
  let settle = 0;

  const counted = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

  function ask(threshold) {
    props.value = { ...value, threshold };
    trigger("input");
  }

  function chart() {
    const most = Math.max(1, ...value.counts.map(([, groups]) => groups));
    const wide = (W - LEFT - 8) / value.counts.length;
    const svg = makeSvg("svg", { class: "cmp-bars", viewBox: `0 0 ${W} ${H}`, role: "img",
      "aria-label": `Groups by threshold: ${value.counts.map(([t, groups]) => `${t.toFixed(2)}: ${groups}`).join(", ")}` });
    svg.append(makeSvg("text", { x: LEFT - 6, y: TOP + 8, "text-anchor": "end" }, String(most)));
    svg.append(makeSvg("text", { x: LEFT - 6, y: H - BOTTOM, "text-anchor": "end" }, "0"));
    value.counts.forEach(([threshold, groups, pictures], place) => {
      const tall = (groups / most) * (H - TOP - BOTTOM);
      const chosen = Math.abs(threshold - value.threshold) < 0.005;
      const x = LEFT + place * wide;
      const bar = makeSvg("g", { class: chosen ? "chosen" : "" });
      bar.append(makeSvg("rect", { class: "hit", x, y: TOP, width: wide, height: H - TOP - BOTTOM }));
      bar.append(makeSvg("rect", { class: "column", x: x + 2, y: H - BOTTOM - Math.max(tall, 1), width: wide - 4, height: Math.max(tall, 1) }));
      const title = `${threshold.toFixed(2)}: ${counted(groups, "group", "groups")}, ${counted(pictures, "picture", "pictures")}`;
      bar.append(makeSvg("title", {}, title));
      if (place % 5 === 0 || chosen)
        bar.append(makeSvg("text", { x: x + wide / 2, y: H - 6, "text-anchor": "middle" }, threshold.toFixed(2)));
      bar.addEventListener("click", () => ask(threshold));
      svg.append(bar);
    });
    return svg;
  }

  function slider() {
    const input = make("input", { type: "range", min: "0.8", max: "1", step: "0.01", value: String(value.threshold), "aria-label": "How similar, 0.80 to 1.00" });
    const shown = make("output", {}, value.threshold.toFixed(2));
    input.addEventListener("input", () => {
      shown.textContent = Number(input.value).toFixed(2);
      clearTimeout(settle);
      settle = setTimeout(() => ask(Number(input.value)), 150);
    });
    return make("label", { class: "cmp-slider" }, make("span", {}, "How similar"), input, shown);
  }

  function row({ ids, count, weakest }) {
    const pictures = ids.map((id) => make("li", {}, make("img", {
      src: pictureAddress(value.catalog, id, 160), alt: id, title: id, loading: "lazy", decoding: "async",
    })));
    if (count > ids.length) pictures.push(make("li", { class: "rest" }, `and ${count - ids.length} more`));
    return make("li", {}, make("p", { class: "cmp-legend" }, `${count} pictures · linked at ${weakest.toFixed(3)} and more`), make("ul", {}, ...pictures));
  }

  function heading() {
    if (!value.total) return "No two pictures are this similar. Lower the threshold to see closer relations.";
    return `${counted(value.total, "group", "groups")} of near-duplicates, ${counted(value.pictures, "picture", "pictures")} in them`;
  }

  function draft() {
    const focused = section.contains(document.activeElement);
    const top = make("div", { class: "cmp-top" }, make("div", {}, make("p", { class: "cmp-score", role: "status" }, heading()), slider()), chart());
    const rest = value.total - value.groups.length;
    const parts = [top, make("ol", { class: "cmp-groups" }, ...value.groups.map(row))];
    if (rest > 0) parts.push(make("p", { class: "cmp-legend" }, `and ${counted(rest, "smaller group", "smaller groups")}; python cli.py duplicates lists all`));
    section.replaceChildren(...parts);
    if (focused) section.querySelector("input").focus();
  }

  const watcher = new IntersectionObserver((seen) => {
    if (value.state !== "unasked" || !seen.some(({ isIntersecting }) => isIntersecting)) return;
    value.state = "asked";
    trigger("submit");
  });
  watcher.observe(section);

  function receive() {
    value = plain(props.value);
    if (value.state === "groups") return draft();
    section.replaceChildren(make("p", { class: "cmp-legend", role: "status" }, value.text ?? "Looking for pictures that are nearly the same …"));
    watcher.unobserve(section);
    watcher.observe(section);
  }
  watch("value", receive);
  receive();
}
