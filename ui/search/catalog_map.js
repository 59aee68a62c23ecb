// The map: every picture a point on canvas, a thumbnail where there is room, the question among its neighbours.
// It fetches its points itself once it is seen. Everything a stranger wrote enters the page as text only.
import { make, pictureAddress, plain, tell } from "../widgets/elements.js";
import { medoid, nearest, neighbour, shuffled, thinned } from "./map_points.js";

export function mount({ element, props, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const canvas = $("canvas");
  const pen = canvas.getContext("2d");
  const card = $(".map-card");
  const POLL = 700, SETTLE = 160, LOADING = 6, KEPT = 700;
  const NEAR = 10, REACH = 18, SPACING = 50, SMALLEST = 0.7, LARGEST = 400;
  // Eleven hues apart in lightness too; what is rarer than the eleventh is grey.
  const HUES = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#edc948", "#76b7b2", "#9c755f", "#ff9da7", "#8cd17d", "#d37295"];
  const REST = "#8a8a93";
  let value = {};
  let map = null;
  let by = null;
  let method = "tsne";
  let lit = null;
  let view = { x: 0, y: 0, scale: 1 };
  let hovered = -1, picked = -1;
  let subject = "";
  let wanted = "";
  let levels = new Map();
  let queued = false;
  let settle = 0;
  let near = [];
  let home = null;
  const thumbs = new Map();
  const waiting = [];
  let loading = 0;
  const fingers = new Map();

  const address = (id, side) => pictureAddress(value.catalog, id, side);
  const colour = (code) => (code >= 0 && code < HUES.length ? HUES[code] : REST);
  const codeOf = (n) => (by ? by.codes[n] : -1);
  const ours = (name) => getComputedStyle(element).getPropertyValue(name).trim();
  const half = () => Math.min(canvas.clientWidth, canvas.clientHeight) / 2 - 24;
  const toScreen = (x, y) => [
    canvas.clientWidth / 2 + (x - view.x) * half() * view.scale, canvas.clientHeight / 2 + (y - view.y) * half() * view.scale,
  ];
  const toMap = (px, py) => [
    view.x + (px - canvas.clientWidth / 2) / (half() * view.scale), view.y + (py - canvas.clientHeight / 2) / (half() * view.scale),
  ];
  const spread = () => Math.min(2.2, Math.max(1, canvas.clientWidth / canvas.clientHeight));
  const xOf = (n) => map.x[n] * spread();
  const stretched = () => ({ x: map.x.map((x) => x * spread()), y: map.y });

  function say(text, part = null) {
    const said = $(".map-said");
    said.replaceChildren(...(text ? [make("p", {}, text)] : []));
    if (part) said.append(part);
    said.hidden = !text;
  }

  // Fetching

  const source = () => {
    const given = new URLSearchParams({ engine: value.engine, weights: value.weights, method, made: value.made });
    return `map/${encodeURIComponent(value.catalog)}?${given}`;
  };

  async function load() {
    const asked = source();
    if (value.state !== "map" || wanted === asked || element.offsetParent === null) return;
    wanted = asked;
    map = null;
    let told = { state: "waiting" };
    const working = make("progress", { "aria-label": "Making the map" });
    say("Making the map …", working);
    draw();
    try {
      while (wanted === asked && ["waiting", "working"].includes(told.state)) {
        const answer = await fetch(asked);
        if (answer.status === 404) throw new Error(await answer.text());
        told = await answer.json();
        if (told.total) Object.assign(working, { max: told.total, value: told.done });
        if (answer.status === 202) await new Promise((done) => setTimeout(done, POLL));
      }
      if (wanted !== asked) return;
      if (told.state === "failed") throw new Error(told.error);
      receiveMap(told);
    } catch (error) {
      if (wanted !== asked) return;
      wanted = "";
      const again = make("button", { type: "button" }, "Try again");
      again.addEventListener("click", load);
      say(error.message || "The map could not be fetched.", again);
    }
  }

  function receiveMap(told) {
    map = { ...told, x: told.x.map((x) => x / 30000), y: told.y.map((y) => y / 30000) };
    map.places = new Map(map.ids.map((id, n) => [id, n]));
    map.order = shuffled(map.ids.length);
    map.key = wanted;
    levels = new Map();
    hovered = picked = -1;
    hideCard();
    say(map.ids.length ? "" : "There are no pictures to lay out.");
    const names = map.attributes.map(({ name }) => name);
    const before = by?.name ?? value.by;
    const choice = $("[data-choose=by]");
    choice.replaceChildren(...names.map((name) => make("option", { value: name }, name.replaceAll("_", " "))));
    choice.closest("label").hidden = !names.length;
    colourBy(names.includes(before) ? before : names[0]);
    const count = map.ids.length.toLocaleString("en");
    const some = map.of > map.ids.length ? `, a sample of ${map.of.toLocaleString("en")}` : "";
    $(".map-note").textContent = `${count} pictures${some}. Drag to move, Ctrl and wheel or two fingers to zoom, arrow keys to go from picture to picture.`;
    whole();
    locate();
  }

  function colourBy(name) {
    by = map?.attributes.find((each) => each.name === name) ?? null;
    lit = null;
    if (by) $("[data-choose=by]").value = by.name;
    drawLegend();
    draw();
  }

  function drawLegend() {
    const shown = (by?.values ?? []).slice(0, HUES.length + 1);
    const rest = (by?.counts ?? []).slice(HUES.length).reduce((sum, count) => sum + count, 0);
    const entries = shown.map((text, code) => {
      const last = code === HUES.length;
      const more = by.values.length - HUES.length;
      const words = last && more > 1 ? `${more} others` : text;
      const count = last ? rest : by.counts[code];
      const swatch = make("i", { style: `background:${colour(code)}` });
      const entry = make("button", { type: "button", "aria-pressed": String(lit === code) }, swatch, make("span", {}, words), make("small", {}, count.toLocaleString("en")));
      entry.addEventListener("click", () => {
        lit = lit === code ? null : code;
        for (const [n, other] of [...$(".map-legend").children].entries()) other.setAttribute("aria-pressed", String(lit === n));
        draw();
      });
      return entry;
    });
    $(".map-legend").replaceChildren(...entries);
  }

  const isLit = (n) => lit === null || Math.min(codeOf(n) < 0 ? HUES.length : codeOf(n), HUES.length) === lit;

  // The question: on its own point, or on the one of its nearest with the smallest sum of distances to the others.

  function locate() {
    if (!map) return;
    near = (value.near ?? []).map((id) => map.places.get(id)).filter((n) => n !== undefined).slice(0, NEAR);
    const own = map.places.get(value.item);
    home = own ?? medoid(map, near);
    $("[data-do=find]").hidden = home === undefined;
    element.dataset.home = home === undefined ? "" : map.ids[home];
    draw();
  }

  // Which points are drawn as thumbnails: at every level of zoom a set with room around each, the coarser level's first.

  function level(wantedLevel) {
    const last = Math.ceil(Math.log2(LARGEST)) + 1;
    const number = Math.min(Math.max(wantedLevel, 0), last);
    if (levels.has(number)) return levels.get(number);
    const room = SPACING / half() / 2 ** number;
    const found = thinned(stretched(), room, number ? level(number - 1) : [], map.order);
    levels.set(number, found);
    return found;
  }

  function thumb(n) {
    const id = map.ids[n];
    const known = thumbs.get(id);
    if (known) {
      thumbs.delete(id);
      thumbs.set(id, known);
      return known.ready ? known.image : null;
    }
    if (!waiting.includes(n) && settle === 0) waiting.push(n);
    return null;
  }

  function loadThumbs() {
    while (loading < LOADING && waiting.length && map) {
      const id = map.ids[waiting.shift()];
      if (id === undefined || thumbs.has(id)) continue;
      const kept = { image: new Image(), ready: false };
      thumbs.set(id, kept);
      loading++;
      const done = (there) => () => {
        kept.ready = there;
        loading--;
        draw();
        loadThumbs();
      };
      kept.image.addEventListener("load", done(true));
      kept.image.addEventListener("error", done(false));
      kept.image.src = address(id, 160);
    }
    for (const id of thumbs.keys()) if (thumbs.size > KEPT) thumbs.delete(id);
  }

  // Drawing

  function draw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      paint();
    });
  }

  function moved() {
    waiting.length = 0;
    clearTimeout(settle);
    settle = setTimeout(() => {
      settle = 0;
      draw();
    }, SETTLE);
    hideHover();
    draw();
  }

  function paint() {
    const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio || 1];
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      levels = new Map();
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!map) return;
    const zoom = Math.max(0, Math.floor(Math.log2(view.scale)));
    const side = SPACING * Math.max(0.6, view.scale / 2 ** zoom) * 0.9;
    const pictured = level(zoom).filter((n) => seen(n, side));
    paintDots(new Set(pictured));
    for (const n of pictured) paintThumb(n, side);
    if (home !== undefined) paintQuestion(side);
    for (const n of new Set([hovered, picked])) if (n >= 0) ring(n, ours("--ink"), side / 2 + 3, 2);
    loadThumbs();
  }

  function seen(n, margin) {
    const [px, py] = toScreen(xOf(n), map.y[n]);
    return px > -margin && py > -margin && px < canvas.clientWidth + margin && py < canvas.clientHeight + margin;
  }

  function paintDots(besides) {
    const radius = Math.min(6, 2.2 + Math.log2(view.scale + 1) * 0.6);
    const paths = new Map();
    for (let n = 0; n < map.ids.length; n++) {
      if (besides.has(n) || !seen(n, radius)) continue;
      const kind = `${isLit(n) ? 1 : 0} ${colour(codeOf(n))}`;
      if (!paths.has(kind)) paths.set(kind, new Path2D());
      const [px, py] = toScreen(xOf(n), map.y[n]);
      paths.get(kind).moveTo(px + radius, py);
      paths.get(kind).arc(px, py, radius, 0, 2 * Math.PI);
    }
    for (const [kind, path] of [...paths].sort()) {
      pen.globalAlpha = kind[0] === "1" ? 0.85 : 0.12;
      pen.fillStyle = kind.slice(2);
      pen.fill(path);
    }
    pen.globalAlpha = 1;
  }

  function paintThumb(n, side) {
    const [px, py] = toScreen(xOf(n), map.y[n]);
    const image = thumb(n);
    pen.globalAlpha = isLit(n) ? 1 : 0.12;
    pen.fillStyle = colour(codeOf(n));
    if (!image) {
      pen.beginPath();
      pen.arc(px, py, Math.min(6, side / 4), 0, 2 * Math.PI);
      pen.fill();
    } else {
      const part = side / Math.max(image.naturalWidth, image.naturalHeight);
      const [w, h] = [image.naturalWidth * part, image.naturalHeight * part];
      pen.fillRect(px - w / 2 - 2, py - h / 2 - 2, w + 4, h + 4);
      pen.drawImage(image, px - w / 2, py - h / 2, w, h);
    }
    pen.globalAlpha = 1;
  }

  function ring(n, stroke, radius, width) {
    const [px, py] = toScreen(xOf(n), map.y[n]);
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.beginPath();
    pen.arc(px, py, radius, 0, 2 * Math.PI);
    pen.stroke();
  }

  function paintQuestion(side) {
    const [px, py] = toScreen(xOf(home), map.y[home]);
    const accent = ours("--accent");
    for (const n of near) ring(n, accent, 7, 2);
    const radius = Math.max(24, side * 0.62);
    pen.save();
    pen.beginPath();
    pen.arc(px, py, radius, 0, 2 * Math.PI);
    pen.fillStyle = ours("--paper");
    pen.fill();
    pen.clip();
    const image = question();
    if (image) {
      const part = (2 * radius) / Math.min(image.naturalWidth, image.naturalHeight);
      pen.drawImage(image, px - (image.naturalWidth * part) / 2, py - (image.naturalHeight * part) / 2, image.naturalWidth * part, image.naturalHeight * part);
    }
    pen.restore();
    pen.lineWidth = 5;
    pen.strokeStyle = ours("--paper");
    pen.beginPath();
    pen.arc(px, py, radius + 3, 0, 2 * Math.PI);
    pen.stroke();
    pen.lineWidth = 4;
    pen.strokeStyle = accent;
    pen.beginPath();
    pen.arc(px, py, radius, 0, 2 * Math.PI);
    pen.stroke();
  }

  let asked = null;
  function question() {
    const src = value.item ? address(value.item, 160) : subject;
    if (!src) return null;
    if (asked?.getAttribute("src") !== src) {
      asked = new Image();
      asked.addEventListener("load", draw);
      asked.src = src;
    }
    return asked.naturalWidth ? asked : null;
  }

  // Moving

  function zoomAt(px, py, factor) {
    const [x, y] = toMap(px, py);
    view.scale = Math.min(LARGEST, Math.max(SMALLEST, view.scale * factor));
    const [nx, ny] = toMap(px, py);
    view.x += x - nx;
    view.y += y - ny;
    keepInside();
    moved();
  }

  function keepInside() {
    view.x = Math.min(Math.max(view.x, -spread() * 1.1), spread() * 1.1);
    view.y = Math.min(Math.max(view.y, -1.1), 1.1);
  }

  function whole() {
    view = { x: 0, y: 0, scale: 1 };
    moved();
  }

  function goTo(n, scale) {
    view = { x: xOf(n), y: map.y[n], scale: Math.max(view.scale, scale) };
    moved();
  }

  function pan(dx, dy) {
    view.x -= dx / (half() * view.scale);
    view.y -= dy / (half() * view.scale);
    keepInside();
    moved();
  }

  function under(px, py) {
    if (!map) return -1;
    const [x, y] = toMap(px, py);
    return nearest(stretched(), x, y, REACH / (half() * view.scale), isLit);
  }

  const within = (event) => {
    const area = canvas.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };

  function pointerDown(event) {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { at: within(event), start: within(event) });
  }

  function pointerMove(event) {
    const finger = fingers.get(event.pointerId);
    const now = within(event);
    if (!finger) {
      if (event.pointerType !== "touch") hover(under(...now));
      return;
    }
    const [before, others] = [finger.at, [...fingers].filter(([id]) => id !== event.pointerId)];
    finger.at = now;
    if (!others.length) return pan(now[0] - before[0], now[1] - before[1]);
    const still = others[0][1].at;
    const apart = ([x, y]) => Math.max(1, Math.hypot(x - still[0], y - still[1]));
    const middle = ([x, y]) => [(x + still[0]) / 2, (y + still[1]) / 2];
    const [from, to] = [middle(before), middle(now)];
    pan(to[0] - from[0], to[1] - from[1]);
    zoomAt(...to, apart(now) / apart(before));
  }

  function pointerUp(event) {
    const finger = fingers.get(event.pointerId);
    fingers.delete(event.pointerId);
    if (!finger || event.type !== "pointerup" || fingers.size) return;
    const [x, y] = within(event);
    if (Math.hypot(x - finger.start[0], y - finger.start[1]) > 6) return;
    const n = under(x, y);
    if (n >= 0) pick(n);
    else hideCard();
  }

  function wheel(event) {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) {
      $(".map-hint").textContent = "Click the map, or hold Ctrl, to zoom with the wheel";
      clearTimeout(hinted);
      hinted = setTimeout(() => ($(".map-hint").textContent = ""), 1600);
      return;
    }
    event.preventDefault();
    zoomAt(...within(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)));
  }
  let hinted = 0;

  function step(arrow) {
    if (!map?.ids.length) return;
    const points = stretched();
    const from = picked >= 0 ? picked : home ?? nearest(points, view.x, view.y);
    const next = neighbour(points, from, arrow, isLit);
    pick(next >= 0 && picked >= 0 ? next : from, true);
    if (!seen(picked, -40)) goTo(picked, view.scale);
  }

  function key(event) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
    if (!map) return;
    if (arrow && event.shiftKey) pan(-60 * arrow[0], -60 * arrow[1]);
    else if (arrow) step(arrow);
    else if (event.key === "+" || event.key === "=") zoomAt(...middle, 1.5);
    else if (event.key === "-") zoomAt(...middle, 1 / 1.5);
    else if (event.key === "0") whole();
    else if (event.key === "Enter" && picked >= 0) card.querySelector("button")?.focus();
    else if (event.key === "Escape" && picked >= 0) hideCard();
    else return;
    event.preventDefault();
  }

  // The card of a picture

  const facts = (n) => map.attributes
    .filter(({ codes }) => codes[n] >= 0)
    .map(({ name, values, codes }) => `${name.replaceAll("_", " ")}: ${values[codes[n]]}`);
  const named = (n) => facts(n).join(", ") || map.ids[n];

  function hover(n) {
    if (n === hovered) return;
    hovered = n;
    canvas.style.cursor = n >= 0 ? "pointer" : "grab";
    if (picked < 0 && n >= 0) showCard(n, false);
    else if (picked < 0) card.hidden = true;
    draw();
  }

  function hideHover() {
    if (picked < 0) card.hidden = true;
    else placeCard(picked);
  }

  function pick(n, byKey = false) {
    picked = n;
    showCard(n, true);
    if (byKey) $(".map-said").setAttribute("aria-label", named(n));
    draw();
  }

  function hideCard() {
    picked = -1;
    card.hidden = true;
    draw();
  }

  function showCard(n, pinned) {
    const image = make("img", { src: address(map.ids[n], pinned ? 320 : 160), alt: named(n) });
    const words = make("div", { class: "map-words" }, ...facts(n).slice(0, 5).map((fact) => make("p", {}, fact)), make("p", { class: "name" }, map.ids[n].split("/").slice(-2).join("/")));
    card.replaceChildren(image, words);
    card.classList.toggle("pinned", pinned);
    if (pinned) {
      const use = make("button", { type: "button", class: "primary" }, "Search by this");
      const close = make("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
      use.addEventListener("click", () => {
        tell(element, "query", { item: map.ids[n], alt: named(n) });
        hideCard();
      });
      close.addEventListener("click", () => {
        hideCard();
        canvas.focus();
      });
      words.append(use);
      card.append(close);
    }
    card.hidden = false;
    placeCard(n);
  }

  function placeCard(n) {
    const [px, py] = toScreen(xOf(n), map.y[n]);
    const { offsetWidth: w, offsetHeight: h } = card;
    const left = px + w + 30 < canvas.clientWidth ? px + 22 : px - w - 22;
    card.style.left = `${Math.min(Math.max(left, 8), Math.max(8, canvas.clientWidth - w - 8))}px`;
    card.style.top = `${Math.min(Math.max(py - h / 2, 8), Math.max(8, canvas.clientHeight - h - 8))}px`;
  }

  canvas.addEventListener("pointerdown", pointerDown);
  canvas.addEventListener("pointermove", pointerMove);
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, pointerUp);
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("keydown", key);
  card.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    hideCard();
    canvas.focus();
  });
  $("[data-choose=by]").addEventListener("change", (event) => colourBy(event.target.value));
  $("[data-choose=method]").addEventListener("change", (event) => {
    method = event.target.value;
    load();
  });
  const doings = {
    in: () => zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, 1.6),
    out: () => zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, 1 / 1.6),
    whole,
    find: () => goTo(home, 6),
  };
  for (const [name, doing] of Object.entries(doings)) $(`[data-do=${name}]`).addEventListener("click", () => map && doing());
  document.addEventListener("subject", ({ detail }) => {
    subject = detail.src;
    draw();
  });
  new ResizeObserver(() => {
    load();
    draw();
  }).observe(canvas);
  new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && load()).observe(element);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  function receive() {
    const next = plain(props.value);
    const fresh = next.catalog !== value.catalog;
    value = next;
    if (fresh) thumbs.clear();
    if (value.state === "none") {
      map = null;
      wanted = "";
      say(value.text);
      draw();
    }
    if (wanted && wanted === source() && map) locate();
    else load();
  }
  watch("value", receive);
  receive();
}
