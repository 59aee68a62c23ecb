// The board of a comparison: a notice, progress, or the result as verdict, chart, table and disagreements.
// Everything a stranger wrote (ids, labels) enters the page as text only.
import { csv } from "../../widgets/csv.js";
import { make, makeSvg, pictureAddress, plain } from "../../widgets/elements.js";
import { apart, frontOf, qualityRange, ticks, tidy } from "./chart_scales.js";

export function mount({ element, props, watch }) {
  const QUALITY = { map: "mAP", p_at_1: "P@1", p_at_10: "P@10", r_at_1: "R@1", r_at_10: "R@10" };
  const SPEED = {
    pictures_per_second: { title: "pictures encoded a second (right is faster)", short: "pictures/s", sign: 1 },
    query_ms: { title: "milliseconds a query (right is faster)", short: "ms/query", sign: -1 },
  };
  const SHAPES = ["M-6-6h12v12h-12z", "M0-7.5 7.5 0 0 7.5-7.5 0z", "M0-7.5 7 5.5H-7z", "M0 7.5 7-5.5H-7z", "M-2-7h4v5h5v4h-5v5h-4v-5h-5v-4h5z"];
  const H = 400, LEFT = 44, RIGHT = 24, TOP = 56, BOTTOM = 56;
  const LINE = 36, NARROW = 520;
  let W = 760;
  let tall = H;
  let value = {};
  let shownQuality = "map";
  let shownSpeed = "pictures_per_second";

  const address = (id, side) => pictureAddress(value.catalog, id, side);

  function scales(rows) {
    const rates = rows.map((row) => row[shownSpeed]);
    const [slow, fast] = [Math.min(...rates) / 1.6, Math.max(...rates) * 1.6];
    const ends = rows.flatMap((row) => [row[`${shownQuality}_low`], row[`${shownQuality}_high`]]);
    const [low, high] = qualityRange(ends);
    const part = (rate) => (Math.log(rate) - Math.log(slow)) / (Math.log(fast) - Math.log(slow));
    const x = (rate) => LEFT + (SPEED[shownSpeed].sign > 0 ? part(rate) : 1 - part(rate)) * (W - LEFT - RIGHT);
    const y = (good) => H - BOTTOM - ((good - low) / (high - low)) * (H - TOP - BOTTOM);
    return { x, y, low, high, slow, fast };
  }

  function chart() {
    const rows = value.engines;
    W = Math.min(860, Math.max(320, element.clientWidth || 760));
    const { x, y, low, high, slow, fast } = scales(rows);
    const front = frontOf(rows, shownQuality, shownSpeed, SPEED[shownSpeed].sign).sort((a, b) => x(a[shownSpeed]) - x(b[shownSpeed]));
    const words = rows.map((row) =>
      `${row.title}: ${QUALITY[shownQuality]} ${row[shownQuality].toFixed(3)}, ${tidy(row[shownSpeed])} ${SPEED[shownSpeed].short}`);
    const narrow = W < NARROW;
    tall = H + (narrow ? rows.length * LINE + 4 : 0);
    const svg = makeSvg("svg", { class: "cmp-chart", viewBox: `0 0 ${W} ${tall}`, role: "img", "aria-label": words.join("; ") });
    svg.append(makeSvg("text", { x: 4, y: 16, class: "axis" }, `${QUALITY[shownQuality]} (up is better), with 95 % intervals`));
    const step = high - low > 0.5 ? 0.2 : high - low > 0.2 ? 0.1 : high - low > 0.1 ? 0.05 : 0.02;
    for (let good = low; good <= high + 1e-9; good += step) {
      svg.append(makeSvg("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: y(good), y2: y(good) }));
      svg.append(makeSvg("text", { x: LEFT - 10, y: y(good) + 4, "text-anchor": "end" }, step < 0.1 ? good.toFixed(2) : good.toFixed(1)));
    }
    for (const rate of ticks(slow, fast)) {
      svg.append(makeSvg("line", { class: "tick", x1: x(rate), x2: x(rate), y1: H - BOTTOM, y2: H - BOTTOM + 5 }));
      svg.append(makeSvg("text", { x: x(rate), y: H - BOTTOM + 20, "text-anchor": "middle" }, String(+rate.toPrecision(2))));
    }
    svg.append(makeSvg("text", { x: W - RIGHT, y: H - 8, "text-anchor": "end", class: "axis" }, SPEED[shownSpeed].title));
    if (front.length > 1) {
      const points = front.map((row) => `${x(row[shownSpeed])},${y(row[shownQuality])}`).join(" ");
      svg.append(makeSvg("polyline", { class: "front", points }));
    }
    const heights = apart(rows.map((row) => y(row[shownQuality])), LINE);
    rows.forEach((row, place) => {
      const mark = point(row, place, x, y, front.includes(row));
      mark.append(...(narrow ? listed(row, place) : beside(row, x(row[shownSpeed]), heights[place])));
      svg.append(mark);
    });
    return svg;
  }

  function point(row, place, x, y, onFront) {
    const [across, up] = [x(row[shownSpeed]), y(row[shownQuality])];
    const [bottom, top] = [y(row[`${shownQuality}_low`]), y(row[`${shownQuality}_high`])];
    const group = makeSvg("g", { class: onFront ? "point on" : "point" });
    group.append(makeSvg("path", { class: "error", d: `M${across} ${bottom}V${top}M${across - 5} ${bottom}h10M${across - 5} ${top}h10` }));
    group.append(makeSvg("path", { class: "mark", d: SHAPES[place % SHAPES.length], transform: `translate(${across} ${up})` }));
    return group;
  }

  const figures = (row) => `${row[shownQuality].toFixed(3)} · ${tidy(row[shownSpeed])} ${SPEED[shownSpeed].short}`;
  const named = (row, text) => [makeSvg("text", { ...text, class: "name" }, row.title), makeSvg("text", { ...text, y: text.y + 16 }, figures(row))];

  // The name at its point, on the side where there is room.
  function beside(row, across, line) {
    const left = across > W / 2;
    return named(row, { x: across + (left ? -14 : 14), y: line + (left ? 20 : -22), "text-anchor": left ? "end" : "start" });
  }

  // The name under a narrow chart, its mark before it: there is no room for names at the points.
  function listed(row, place) {
    const top = H + place * LINE + 16;
    return [makeSvg("path", { class: "mark", d: SHAPES[place % SHAPES.length], transform: `translate(14 ${top + 4})` }), ...named(row, { x: 34, y: top })];
  }

  function choice(label, options, chosen, choose) {
    const select = make("select", { "aria-label": label });
    for (const [name, text] of options) select.append(make("option", name === chosen ? { value: name, selected: "" } : { value: name }, text));
    select.addEventListener("change", () => {
      choose(select.value);
      element.querySelector(".cmp-chart").replaceWith(chart());
    });
    return make("label", {}, make("span", {}, label), select);
  }

  function drawing() {
    const png = make("button", { type: "button" }, "Download PNG");
    png.addEventListener("click", savePng);
    const tools = make(
      "div", { class: "cmp-tools" },
      choice("Quality", Object.entries(QUALITY), shownQuality, (name) => (shownQuality = name)),
      choice("Speed", Object.entries(SPEED).map(([name, { short }]) => [name, short]), shownSpeed, (name) => (shownSpeed = name)),
      png,
    );
    const legend = make("p", { class: "cmp-legend" }, "Dashed: the front. No other engine is both better and faster than one on it.");
    return make("div", {}, tools, chart(), legend);
  }

  const HEADS = [
    ["map", "mAP"], ["p_at_1", "P@1"], ["p_at_10", "P@10"], ["r_at_10", "R@10"],
    ["pictures_per_second", "pictures/s"], ["query_ms", "ms a query"], ["weights_mb", "MB of model"], ["index_mb", "MB of index"],
  ];
  const LESS = new Set(["query_ms", "weights_mb", "index_mb"]);

  function table() {
    const heads = HEADS.filter(([name]) => value.match || !(name in QUALITY));
    const best = Object.fromEntries(heads.map(([name]) => {
      const all = value.engines.map((row) => row[name]).filter((figure) => figure !== null);
      return [name, LESS.has(name) ? Math.min(...all) : Math.max(...all)];
    }));
    const body = value.engines.map((row) => {
      const title = make("th", { scope: "row" }, row.title);
      if (row.on_front) title.append(make("small", {}, "on the front"));
      return make("tr", {}, title, ...heads.map(([name, head]) => figure(row, name, head, best)));
    });
    const head = make("tr", {}, make("th", { scope: "col" }, "Engine"), ...heads.map(([, text]) => make("th", { scope: "col" }, text)));
    const download = make("button", { type: "button" }, "Download CSV");
    download.addEventListener("click", saveCsv);
    const note = make("p", { class: "cmp-legend" }, "Bold: the best of its column.");
    return make("div", {}, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)), make("div", { class: "cmp-foot" }, note, download));
  }

  function figure(row, name, head, best) {
    const number = row[name];
    const text = number === null ? "not known" : name in QUALITY ? number.toFixed(3) : tidy(number);
    const cell = make("td", { "data-head": head }, value.engines.length > 1 && number === best[name] ? make("b", {}, text) : text);
    if (name in QUALITY) cell.append(make("small", {}, `${row[`${name}_low`].toFixed(2)} to ${row[`${name}_high`].toFixed(2)}`));
    return cell;
  }

  function picture(id, side, alt) {
    return make("img", { src: address(id, side), alt, title: id, loading: "lazy", decoding: "async" });
  }

  function answer({ name, average_precision, hits }) {
    const title = value.engines.find((row) => row.engine === name).title;
    const right = hits.filter((hit) => hit.right).length;
    const cards = hits.map((hit) => make(
      "li", { class: hit.right ? "right" : "wrong" },
      picture(hit.id, 160, `${hit.right ? "right" : "wrong"}: ${hit.id}`), make("span", { "aria-hidden": "true" }, hit.right ? "✓" : "✕"),
    ));
    const words = make("p", {}, make("b", {}, title), ` ${right} of ${hits.length} right · average precision ${average_precision.toFixed(2)}`);
    return make("div", { class: "cmp-answer" }, words, make("ol", {}, ...cards));
  }

  function disagreements() {
    const rows = value.disagreements.map(({ id, wanted, answers }) => make(
      "li", { class: "cmp-query" },
      make("figure", {}, picture(id, 320, `question: ${id}`), make("figcaption", {}, `${value.match}: ${wanted}`)),
      make("div", {}, ...answers.map(answer)),
    ));
    if (!rows.length) return [];
    const list = make("ol", { class: "cmp-queries" }, ...rows);
    for (const row of rows.slice(4)) row.hidden = true;
    const more = make("button", { type: "button" }, `Show all ${rows.length}`);
    more.addEventListener("click", () => {
      for (const row of rows) row.hidden = false;
      more.remove();
    });
    return [make("h2", {}, "Where they disagree most"), list, ...(rows.length > 4 ? [more] : [])];
  }

  function result() {
    const verdict = make("div", { class: "cmp-verdict", role: "status" }, ...value.verdict.map(([text, detail]) => make("p", {}, text, make("small", {}, detail))));
    const failed = value.failed.map(([title, reason]) => make("p", { class: "cmp-failed", role: "alert" }, make("b", {}, `${title} took no part. `), reason));
    const parts = [verdict, make("p", { class: "cmp-summary" }, value.summary), ...failed];
    const shown = make("div", { class: "cmp-figures" }, ...(value.match ? [drawing()] : []), table());
    return [...parts, shown, ...(value.engines.length > 1 ? disagreements() : [])];
  }

  function notice() {
    const box = make("div", { class: `notice ${value.state}`, role: "status" }, make("h2", {}, value.title), make("p", {}, value.text));
    if (value.state === "working") {
      const known = value.total ? { max: value.total, value: value.done } : {};
      box.append(make("progress", { ...known, "aria-label": "Comparing" }));
    }
    return [box];
  }

  function save(blob, name) {
    const link = make("a", { download: name });
    link.href = URL.createObjectURL(blob);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  function saveCsv() {
    save(new Blob([csv(value.engines)], { type: "text/csv" }), "engines.csv");
  }

  const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "paint-order", "opacity", "font-family", "font-size", "font-weight"];

  function savePng() {
    const shown = element.querySelector(".cmp-chart");
    const copy = shown.cloneNode(true);
    const copies = copy.querySelectorAll("*");
    shown.querySelectorAll("*").forEach((part, place) => {
      const style = getComputedStyle(part);
      copies[place].setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    });
    copy.setAttribute("width", W);
    copy.setAttribute("height", tall);
    const ground = getComputedStyle(element.closest(".gradio-container") ?? document.body).backgroundColor;
    copy.prepend(makeSvg("rect", { width: W, height: tall, fill: ground }));
    const image = new Image();
    image.addEventListener("load", () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: W * 2, height: tall * 2 });
      canvas.getContext("2d").drawImage(image, 0, 0, W * 2, tall * 2);
      canvas.toBlob((blob) => save(blob, "engines.png"), "image/png");
    });
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  }

  function receive() {
    value = plain(props.value);
    if (value.state) element.querySelector(".cmp-body").replaceChildren(...(value.state === "result" ? result() : notice()));
  }
  watch("value", receive);
  receive();
}
