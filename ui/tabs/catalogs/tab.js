// The catalogues: a card each, with what it holds and a row for each engine's index. 'select' says what to do.
// Everything a stranger wrote (titles, attributes, ids, reasons) enters the page as text only.
import { make, pictureAddress, plain } from "../../widgets/elements.js";

export function mount({ element, props, trigger, watch }) {
  const STATES = {
    indexed: "indexed", stale: "out of date", missing: "not indexed", waiting: "waits for its turn", building: "indexing", failed: "failed",
  };
  const unfolded = new Set();
  const pressed = new Map(); // when a button was pressed that asks once more; a build draws all buttons anew every second
  let value = {};

  const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} KB`);
  const date = (iso) => new Date(iso).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  const duration = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);
  const count = (number) => (number === 1 ? "1 picture" : `${number.toLocaleString("en")} pictures`);

  function button(text, label, kind, detail, sure = "") {
    const meant = () => Date.now() - (pressed.get(label) ?? 0) < 4000;
    const made = make("button", { type: "button", class: kind, "aria-label": label }, sure && meant() ? sure : text);
    made.addEventListener("click", () => {
      if (sure && !meant()) {
        pressed.set(label, Date.now());
        made.textContent = sure;
        setTimeout(() => (made.textContent = text), 4000);
        return;
      }
      made.disabled = true;
      trigger("select", detail);
    });
    return made;
  }

  function sheet(card) {
    const shown = card.sheet.map((id) => {
      const picture = make("img", { src: pictureAddress(card.key, id, 160), alt: id, title: id, loading: "lazy", decoding: "async" });
      picture.addEventListener("error", () => picture.parentElement?.remove());
      return make("li", {}, picture);
    });
    return make("ul", { class: "sheet" }, ...shown);
  }

  function source(card) {
    const parts = [count(card.pictures)];
    if (card.note && !card.source.startsWith(card.note)) parts.push(card.note);
    const line = make("p", { class: "about" }, parts.join(" · "));
    if (/^https:\/\/[\w.]+\//.test(card.source)) line.append(" · from ", make("a", { href: card.source, rel: "noreferrer noopener", target: "_blank" }, card.source.replace(/^https:\/\//, "")));
    else if (card.source) line.append(` · ${card.source}`);
    line.append(card.licence ? ` · licence ${card.licence}` : "");
    return line;
  }

  function attributes(card) {
    if (!card.attributes.length) return make("p", { class: "none" }, "These pictures have no attributes to filter by.");
    const rows = card.attributes.map(({ name, values, different }) => {
      const chips = values.map(([text, number]) => make("span", { class: "chip still" }, text, make("small", {}, number.toLocaleString("en"))));
      if (different > values.length) chips.push(make("span", { class: "rest" }, `and ${(different - values.length).toLocaleString("en")} more`));
      return make("div", {}, make("h4", {}, name.replaceAll("_", " ")), make("p", { class: "chips" }, ...chips));
    });
    return make("div", { class: "traits" }, ...rows);
  }

  function progress(row) {
    const parts = [STATES[row.state]];
    if (row.total) parts.push(`${row.done.toLocaleString("en")} of ${row.total.toLocaleString("en")}`);
    if (row.per_second) parts.push(`${Math.round(row.per_second)} a second`);
    if (row.seconds_left !== null && row.per_second) parts.push(`${duration(row.seconds_left)} left`);
    const bar = make("progress", { "aria-label": `Indexing with ${row.title}`, ...(row.total ? { max: row.total, value: row.done } : {}) });
    return make("td", { class: "state", "data-head": "index" }, make("span", {}, parts.join(" · ")), bar);
  }

  function standing(row) {
    const cell = make("td", { class: `state ${row.state}`, "data-head": "index" }, make("span", { class: "dot", "aria-hidden": "true" }), row.absent && row.state === "missing" ? "engine not on this machine" : STATES[row.state]);
    if (row.why) cell.append(make("small", {}, row.why));
    if (row.searched) cell.append(make("small", {}, row.searched));
    if (row.skipped) cell.append(make("small", {}, `${row.skipped.toLocaleString("en")} could not be read`));
    return cell;
  }

  function engine(card, row) {
    const detail = { catalog: card.key, engine: row.engine, weights: row.weights };
    const busy = row.state === "waiting" || row.state === "building";
    const doings = [];
    if (row.stoppable) doings.push(button("Stop", `Stop indexing ${card.title} with ${row.title}`, "", { act: "stop", ...detail }));
    else if (!row.absent) doings.push(button(row.state === "missing" ? "Build" : "Update", `${row.state === "missing" ? "Build" : "Update"} the index of ${card.title} with ${row.title}`, row.state === "stale" ? "primary" : "", { act: "build", ...detail }));
    if (row.size && card.mine && !busy) doings.push(button("Delete", `Delete the index of ${card.title} with ${row.title}`, "", { act: "delete", ...detail }, "Sure?"));
    return make("tr", {},
      make("th", { scope: "row" }, row.title),
      busy ? progress(row) : standing(row),
      make("td", { "data-head": "pictures" }, row.pictures ? row.pictures.toLocaleString("en") : ""),
      make("td", { "data-head": "on disk" }, row.size ? size(row.size) : ""),
      make("td", { "data-head": "made" }, row.made ? date(row.made) : ""),
      make("td", { class: "doings" }, ...doings));
  }

  function matrix(card) {
    const heads = ["Engine", "Index", "Pictures", "On disk", "Made", ""].map((text) => make(text ? "th" : "td", text ? { scope: "col" } : {}, text));
    return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...card.engines.map((row) => engine(card, row))));
  }

  function card(card) {
    const ready = card.engines.filter(({ state }) => state === "indexed").length;
    const busy = card.engines.some(({ state }) => state === "waiting" || state === "building");
    const fold = make("details", {}, make("summary", {}, `${ready} of ${card.engines.length} engines know ${card.pictures === 1 ? "this picture" : "these pictures"}`), matrix(card), attributes(card));
    fold.open = unfolded.has(card.key) || busy || card.chosen;
    fold.addEventListener("toggle", () => (fold.open ? unfolded.add(card.key) : unfolded.delete(card.key)));
    const heading = make("h3", {}, card.title);
    const doings = make("p", { class: "doings" });
    if (card.chosen) heading.append(make("small", {}, "in use"));
    else doings.append(button("Use", `Use the catalogue ${card.title}`, "primary", { act: "use", catalog: card.key }));
    if (card.removable) doings.append(button("Remove", `Remove the catalogue ${card.title}`, "", { act: "remove", catalog: card.key }, "Sure?"));
    const problem = card.problem ? [make("p", { class: "failed", role: "alert" }, card.problem)] : [];
    const hollow = card.pictures || card.problem ? [] : [make("p", { class: "none" }, "There are no pictures here yet. Put some there and open it again, or search your own above.")];
    return make("li", { class: card.chosen ? "chosen" : "", "data-key": card.key }, make("header", {}, make("div", {}, heading, source(card)), doings), ...problem, ...(card.pictures ? [sheet(card)] : hollow), fold);
  }

  function closed({ name, problem }) {
    const remove = value.manage ? [make("p", { class: "doings" }, button("Remove", `Remove ${name}`, "", { act: "forget", name }, "Sure?"))] : [];
    return make("li", { class: "closed" }, make("header", {}, make("div", {}, make("h3", {}, name), make("p", { class: "failed" }, problem)), ...remove));
  }

  // A press is over only when the button goes up again: until then the button has to stay where it is.
  let pressing = false;
  let late = false;
  element.addEventListener("pointerdown", () => (pressing = true));
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => {
      if (!pressing || !element.isConnected) return;
      pressing = false;
      if (late) setTimeout(receive, 50);
    });
  }

  function receive() {
    late = pressing;
    if (late) return;
    value = plain(props.value);
    if (!value.catalogs) return;
    const kept = document.activeElement?.getAttribute?.("aria-label");
    element.querySelector(".shelf-body").replaceChildren(make("ul", { class: "cards-wide" }, ...value.catalogs.map(card), ...value.closed.map(closed)));
    if (kept) [...element.querySelectorAll("button")].find((made) => made.getAttribute("aria-label") === kept)?.focus();
  }
  watch("value", receive);
  receive();
}
