// The space: a grid (one sheet of drawings), a walk along directions (one strip each, drawn ahead), a morph.
// A chosen drawing becomes the picture of the visitor's question, so that it is searched as any picture is.
import { make, plain, tell } from "../../widgets/elements.js";
import { sendPicture } from "../../widgets/picture_picker.js";

export function mount({ element, props, server, upload, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const TILE = 28;
  const grid = $(".lat-frame canvas");
  const strip = $(".lat-strip");
  const now = $(".lat-now canvas");
  const cell = $(".lat-cell");
  const problem = $(".problem");
  const control = Object.fromEntries([...element.querySelectorAll("[data-set]")].map((each) => [each.dataset.set, each]));
  let value = {};
  let at = [];
  let plane = null;
  let walk = null;
  let film = null;
  let chosen = [-1, -1];
  let frame = -1;
  const turns = { plane: 0, walks: 0, morph: 0 };
  let settle = 0;

  const place = () => ({ catalog: value.catalog, weights: value.weights });
  const decoded = (src) => new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = failed;
    image.src = src;
  });

  async function ask(name, data) {
    const turn = ++turns[name];
    const answer = await server[name]({ ...place(), ...data });
    if (turn !== turns[name]) return null;
    problem.textContent = answer.problem ?? "";
    problem.hidden = !answer.problem;
    return answer.problem ? null : { ...answer, image: await decoded(answer.sheet) };
  }

  async function drawPlane() {
    if (!value.catalog) return;
    const through = control.through.value === "picture" ? value.at : value.centre;
    const found = await ask("plane", {
      at: through, first: Number(control.first.value), second: Number(control.second.value),
      low: Number(control.low.value), high: Number(control.high.value), cells: Number(control.cells.value),
    });
    if (!found) return;
    plane = found;
    chosen = [-1, -1];
    paintGrid();
  }

  function paintGrid() {
    const pen = grid.getContext("2d");
    grid.width = grid.height = plane.cells * TILE;
    pen.drawImage(plane.image, 0, 0);
    const [column, row] = chosen;
    if (column < 0) {
      cell.textContent = "Point at a drawing to see where it lies; click it to search by it.";
      return;
    }
    pen.strokeStyle = getComputedStyle(element).getPropertyValue("--accent") || "#a5b4fc";
    pen.lineWidth = 2;
    pen.strokeRect(column * TILE + 1, row * TILE + 1, TILE - 2, TILE - 2);
    const x = plane.steps[column];
    const y = plane.steps[plane.cells - 1 - row];
    const kind = plane.kinds[row * plane.cells + column];
    cell.textContent = `${x.toFixed(1)} across, ${y.toFixed(1)} up${kind ? `: like ${kind}` : ""}`;
  }

  function cellAt(event) {
    const area = grid.getBoundingClientRect();
    const part = (from, size) => Math.min(Math.max(Math.floor((from / size) * plane.cells), 0), plane.cells - 1);
    return [part(event.clientX - area.left, area.width), part(event.clientY - area.top, area.height)];
  }

  function searchBy(image, x, y, alt) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = TILE;
    canvas.getContext("2d").drawImage(image, x, y, TILE, TILE, 0, 0, TILE, TILE);
    canvas.toBlob(async (blob) => {
      try {
        const picture = await sendPicture(upload, new File([blob], "point.png", { type: "image/png" }));
        const detail = { picture, item: null, alt, box: null, liked: [], disliked: [] };
        tell(element, "query", detail);
        element.closest(".searching")?.scrollIntoView({ behavior: "smooth", block: "start" });
      } catch {
        problem.textContent = "The drawing could not be sent. Check the connection and try again.";
        problem.hidden = false;
      }
    }, "image/png");
  }

  const searchCell = () =>
    plane && chosen[0] >= 0 && searchBy(plane.image, chosen[0] * TILE, chosen[1] * TILE, "A point of the latent space");

  function names() {
    const flat = value.flat ? ["First number", "Second number"] : null;
    return value.spread.map((_, number) => flat?.[number] ?? `Direction ${number + 1}`);
  }

  function offer() {
    for (const [name, preset] of [["first", 0], ["second", 1]]) {
      const before = control[name].value;
      control[name].replaceChildren(...names().map((text, number) => make("option", { value: number }, text)));
      control[name].value = before && before < value.spread.length ? before : preset;
    }
    $(".lat-through").hidden = value.flat;
  }

  async function drawWalks() {
    const found = await ask("walks", { at });
    if (!found) return;
    walk = { ...found, now: await decoded(found.here) };
    paintNow(walk.now, 0, 0);
    $(".lat-rows").replaceChildren(...names().map(slider));
  }

  function paintNow(image, x, y) {
    now.getContext("2d").drawImage(image, x, y, TILE, TILE, 0, 0, TILE, TILE);
  }

  function slider(name, number) {
    const { steps, coordinates } = walk;
    const input = make("input", {
      type: "range", min: 0, max: steps.length - 1, step: 1, "aria-label": `${name}, in standard deviations`,
    });
    const nearest = (to) => steps.reduce((best, step, n) => (Math.abs(step - to) < Math.abs(steps[best] - to) ? n : best), 0);
    input.value = nearest(coordinates[number]);
    const shown = make("output", {}, coordinates[number].toFixed(1));
    input.addEventListener("input", () => {
      shown.textContent = steps[input.value].toFixed(1);
      input.setAttribute("aria-valuetext", shown.textContent);
      paintNow(walk.image, input.value * TILE, number * TILE);
    });
    input.addEventListener("change", () => {
      const by = (steps[input.value] - coordinates[number]) * value.spread[number];
      at = at.map((each, n) => each + by * value.directions[number][n]);
      clearTimeout(settle);
      settle = setTimeout(async () => {
        await drawWalks();
        element.querySelectorAll(".lat-rows input")[number]?.focus();
      }, 60);
    });
    return make("label", {}, make("span", {}, name), input, shown);
  }

  async function drawFilm() {
    const [start, end] = [value.start, value.end];
    for (const [name, given] of [["start", start], ["end", end]]) {
      const image = $(`[data-end=${name}]`);
      image.hidden = !given;
      if (given) Object.assign(image, { src: given.picture, alt: `${name === "start" ? "From" : "To"}: ${given.alt}` });
    }
    if (!start || !end) return;
    const found = await ask("morph", { start: start.at, end: end.at });
    if (!found) return;
    film = found;
    frame = -1;
    paintFilm();
  }

  function paintFilm() {
    const pen = strip.getContext("2d");
    Object.assign(strip, { width: film.frames * TILE, height: TILE });
    pen.drawImage(film.image, 0, 0);
    if (frame < 0) return;
    pen.strokeStyle = getComputedStyle(element).getPropertyValue("--accent") || "#a5b4fc";
    pen.lineWidth = 2;
    pen.strokeRect(frame * TILE + 1, 1, TILE - 2, TILE - 2);
  }

  function frameAt(event) {
    const area = strip.getBoundingClientRect();
    return Math.min(Math.max(Math.floor(((event.clientX - area.left) / area.width) * film.frames), 0), film.frames - 1);
  }

  const searchFrame = () => film && frame >= 0 && searchBy(film.image, frame * TILE, 0, "A step of the morph");

  grid.addEventListener("pointermove", (event) => {
    if (!plane) return;
    chosen = cellAt(event);
    paintGrid();
  });
  grid.addEventListener("click", (event) => {
    if (!plane) return;
    chosen = cellAt(event);
    searchCell();
  });
  grid.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!plane || (!move && event.key !== "Enter")) return;
    event.preventDefault();
    if (!move) return searchCell();
    const from = chosen[0] < 0 ? [plane.cells >> 1, plane.cells >> 1] : chosen;
    chosen = from.map((each, axis) => Math.min(Math.max(each + move[axis], 0), plane.cells - 1));
    paintGrid();
  });
  strip.addEventListener("pointermove", (event) => {
    if (!film) return;
    frame = frameAt(event);
    paintFilm();
  });
  strip.addEventListener("click", (event) => {
    if (!film) return;
    frame = frameAt(event);
    searchFrame();
  });
  strip.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!film || (!move && event.key !== "Enter")) return;
    event.preventDefault();
    if (!move) return searchFrame();
    frame = Math.min(Math.max(frame + move, 0), film.frames - 1);
    paintFilm();
  });
  for (const each of Object.values(control)) {
    each.addEventListener(each.type === "range" ? "input" : "change", drawPlane);
  }
  $(".lat-form").addEventListener("submit", (event) => event.preventDefault());
  $("[data-do=search]").addEventListener("click", () => {
    if (walk) searchBy(now, 0, 0, "A point of the latent space");
  });
  $("[data-do=home]").addEventListener("click", () => {
    at = [...value.at];
    drawWalks();
  });
  for (const end of ["start", "end"]) {
    $(`[data-do=${end}]`).addEventListener("click", () => {
      if (!value.picture) return;
      value[end] = { at: value.at, picture: value.picture, alt: "your picture" };
      drawFilm();
    });
  }

  function receive() {
    const before = value;
    value = plain(props.value);
    element.classList.toggle("lat-absent", !value.at);
    if (!value.at) return;
    const same = before.weights === value.weights && before.catalog === value.catalog && before.at;
    at = [...value.at];
    const mine = value.picture && { at: value.at, picture: value.picture, alt: "your picture" };
    value.start = mine || (same ? before.start : null);
    value.end = value.other ?? (same ? before.end : null);
    if (!same) {
      control.through.value = "centre";
      offer();
    }
    if (!same || control.through.value === "picture") drawPlane();
    drawWalks();
    drawFilm();
  }
  watch("value", receive);
  receive();
}
