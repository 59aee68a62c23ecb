// The results: ranked cards with marks. Everything a stranger wrote (ids, attributes) enters the page as text only;
// the template has no values in it, because gr.HTML runs rendered templates as JavaScript.
import { make, pictureAddress, plain, tell } from "../widgets/elements.js";
import { openDetail } from "./detail.js";

// Cut, not rounded up: only the same picture reads 1.00.
export function inTwoPlaces(score) {
  return (score < 0.99995 ? Math.min(score, 0.99) : 1).toFixed(2);
}

export function mount({ element, props, trigger, watch }) {
  const mode = element.closest(".mode") ?? document.body;
  const $ = (selector) => element.querySelector(selector);
  const ICONS = {
    more: "M8 3v10M3 8h10",
    less: "M3 8h10",
    edit: "M3 13l.7-3L10.6 3.1l2.3 2.3L6 12.3z",
    why: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.4v.6",
    open: "M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5l-5 5M2.5 13.5l5-5",
    find: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9M10.4 10.4 14 14",
  };
  let value = {};
  let marks = new Map();
  let touched = false;

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  const described = ({ attributes }) => Object.entries(attributes).map(([name, text]) => `${name}: ${text}`).join(", ");

  // On a card: the kind of thing first, bare numbers last and with their names; no "False", no record numbers, and not
  // how the photo was taken, which is for the filters.
  const TAKEN = new Set(["scale", "occlusion", "zoom", "viewpoint", "split"]);
  function inWords({ attributes }) {
    const bare = (text) => /^[\d.-]+$/.test(text);
    const place = ([name, text]) => (/label|category|class|type/i.test(name) ? 0 : bare(text) ? 2 : 1);
    return Object.entries(attributes).sort((a, b) => place(a) - place(b)).flatMap(([name, text]) => {
      const plain = name.replaceAll("_", " ");
      if (TAKEN.has(name) || /^(false|no)$/i.test(text) || !text || /\bid$/i.test(plain) || /^\d+-\d+$/.test(text)) return [];
      if (/^(true|yes)$/i.test(text)) return [plain];
      return [bare(text) ? `${plain} ${text}` : text];
    }).join(" · ");
  }

  const searching = Boolean(element.closest(".searching"));
  const ask = (detail) => tell(element, "query", detail);
  const use = (hit) => ask({ item: hit.id, alt: described(hit) || hit.id });

  // The tab where pictures are edited may not be there yet: it is made when it is first opened, and looks here then.
  function edit(hit) {
    globalThis.editWanted = { catalog: value.catalog, id: hit.id, alt: described(hit) || hit.id };
    document.dispatchEvent(new CustomEvent("edit", { detail: globalThis.editWanted }));
    document.querySelector('[role="tab"][data-tab-id="edit"]')?.click();
  }

  function open(hit, alt) {
    const doings = [
      ["Search by this", () => use(hit)], ["More like this", () => mark(hit.id, "liked")],
      ["Less like this", () => mark(hit.id, "disliked")], ["Edit this", () => edit(hit)],
    ];
    openDetail(element, { catalog: value.catalog, hit, alt, doings });
  }

  function card(hit, rank) {
    const words = inWords(hit);
    const name = described(hit) || hit.id;
    const score = inTwoPlaces(hit.score);
    const image = make("img", {
      src: pictureAddress(value.catalog, hit.id, 320),
      alt: name, loading: rank > 12 ? "lazy" : "eager", decoding: "async",
    });
    image.addEventListener("error", () => image.classList.add("gone"));
    const thumb = make("button", { type: "button", class: "thumb", title: "Search by this picture" }, image);
    const bar = make("span", { class: "bar" }, make("span", { style: `width:${Math.max(0, hit.score) * 100}%` }));
    const action = (kind, text, label, doing) => {
      const made = make("button", { type: "button", class: kind, title: label, "aria-label": `${label}: ${name}` });
      made.append(icon(kind), make("span", {}, text));
      made.addEventListener("click", doing);
      return made;
    };
    const actions = make(
      "div", { class: "actions" },
      action("more", "More", "More like this", () => mark(hit.id, "liked")),
      action("less", "Less", "Less like this", () => mark(hit.id, "disliked")),
      action("find", "Search", "Search by this", () => use(hit)),
      action("edit", "Edit", "Edit this", () => edit(hit)),
      action("open", "Open", "Open", () => open(hit, name)),
      ...(value.explains ? [action("why", "Why", "What makes this style", () => mode.dispatchEvent(new CustomEvent("why", { detail: { id: hit.id } })))] : []),
    );
    thumb.addEventListener("click", () => use(hit));
    const shared = hit.shared ? [make("p", { class: "shared" }, hit.shared)] : [];
    return make(
      "li", { class: hit.shared ? "card both" : "card", "data-id": hit.id },
      thumb, ...shared,
      make("p", { class: "facts" }, make("span", { class: "rank" }, String(rank)),
        ...(value.ranked ? [] : [bar, make("span", { class: "score", title: "similarity: cosine, 1.00 is the same" }, score)])),
      make("p", { class: "words", title: name }, words || " "),
      ...(hit.why ? [make("p", { class: "why-found" }, hit.why.join(" · "))] : []),
      make("p", { class: "name", title: hit.id }, hit.id.split("/").slice(-2).join("/")),
      actions,
    );
  }

  function mark(id, kind) {
    touched = true;
    if (marks.get(id) === kind) marks.delete(id);
    else marks.set(id, kind);
    drawMarks();
  }

  const marked = (kind) => [...marks].filter(([, given]) => given === kind).map(([id]) => id);

  function drawMarks() {
    const liked = marked("liked").length;
    const disliked = marked("disliked").length;
    for (const made of element.querySelectorAll(".card")) {
      const kind = marks.get(made.dataset.id);
      made.querySelector(".more").setAttribute("aria-pressed", String(kind === "liked"));
      made.querySelector(".less").setAttribute("aria-pressed", String(kind === "disliked"));
    }
    $(".marks").hidden = !marks.size;
    $(".marks p").textContent = [liked && `${liked} more like this`, disliked && `${disliked} less`]
      .filter(Boolean).join(" · ");
  }

  function grid(hits, first) {
    return make("ol", { class: "cards", start: String(first) }, ...hits.map((hit, index) => card(hit, first + index)));
  }

  // One question, several engines: a column for each.
  function side({ title, summary, detail, notes, hits, problem, done, total }) {
    const parts = [make("h2", {}, title)];
    if (problem) parts.push(make("p", { class: "problem" }, problem));
    else if (!hits) parts.push(make("p", {}, summary), make("progress", total ? { max: total, value: done, "aria-label": title } : { "aria-label": title }));
    else parts.push(make("p", { class: "said" }, summary), make("p", { class: "detail" }, detail), ...notes.map(note), grid(hits, 1));
    return make("section", { class: "side", "aria-label": title }, ...parts);
  }

  const note = (text) => make("p", { class: "note", role: "status" }, text);

  function results() {
    const parts = [...(value.notes ?? []).map(note), grid(value.hits.slice(0, value.strong), 1)];
    if (value.strong < value.hits.length) {
      const weak = grid(value.hits.slice(value.strong), value.strong + 1);
      weak.classList.add("weak");
      parts.push(make("p", { class: "weaker" }, make("span", {}, "weaker matches below")), weak);
    }
    return parts;
  }

  function notice() {
    const parts = [make("h2", {}, value.title), make("p", {}, value.text)];
    if (value.command) parts.push(make("pre", {}, value.command));
    if (value.state === "filtered") {
      const clear = make("button", { type: "button", class: "primary" }, "Clear filters");
      clear.addEventListener("click", () => tell(element, "clear-filters"));
      parts.push(clear);
    }
    const box = make("div", { class: `notice ${value.state}` }, ...parts);
    if (value.state !== "waiting") return [box];
    box.append(make("div", { class: "progress" }));
    const ghosts = Array.from({ length: 8 }, () => make("li", { class: "ghost" }));
    return [box, make("ol", { class: "cards", "aria-hidden": "true" }, ...ghosts)];
  }

  // A spreadsheet runs a cell that begins with one of these; an apostrophe makes it text.
  const cell = (text) => `"${String(text).replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;

  function download() {
    const lists = value.sides?.filter(({ hits }) => hits) ?? [value];
    const names = [...new Set(lists.flatMap(({ hits }) => hits).flatMap(({ attributes }) => Object.keys(attributes)))].sort();
    const rows = lists.flatMap(({ title, hits }) => hits.map(({ id, score, attributes }, index) => [
      ...(value.sides ? [cell(title)] : []), cell(id), index + 1, score.toFixed(6),
      ...names.map((name) => cell(attributes[name] ?? "")),
    ]));
    const heads = [...(value.sides ? ["engine"] : []), "id", "rank", "score", ...names];
    const lines = [heads.map(cell), ...rows].map((row) => row.join(","));
    const link = make("a", { download: "visual-search.csv" });
    link.href = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  function receive() {
    value = plain(props.value);
    if (!value.state) return;
    const found = value.state === "results" || value.state === "sides";
    // An answer that only grows does not undo marks that were not sent yet.
    if (!(touched && value.pending)) {
      touched = false;
      marks = new Map([
        ...(value.liked ?? []).map((id) => [id, "liked"]),
        ...(value.disliked ?? []).map((id) => [id, "disliked"]),
      ]);
    }
    $(".summary").textContent = found ? value.summary : "";
    $(".detail").textContent = found ? value.detail : "";
    $(".csv").hidden = !found;
    const sides = () => [make("div", { class: "sides" }, ...value.sides.map(side))];
    // What was found before stays beside a problem.
    const kept = value.state === "problem" ? [...$(".body").children].filter((each) => !each.matches(".notice, [aria-hidden]")) : [];
    $(".body").replaceChildren(...(value.state === "sides" ? sides() : found ? results() : notice()), ...kept);
    element.classList.remove("busy");
    if (value.state === "problem" && searching) tell(element, "problem", value.text);
    drawMarks();
  }

  $(".csv").addEventListener("click", download);
  $("[data-do=again]").addEventListener("click", () => ask({ liked: marked("liked"), disliked: marked("disliked") }));
  $("[data-do=forget]").addEventListener("click", () => {
    const searched = value.liked?.length || value.disliked?.length;
    marks.clear();
    drawMarks();
    if (searched) ask({ liked: [], disliked: [] });
  });
  // Where many ask at once, say the own place among them. Gradio writes it over the component, as "queue: 2/9 | 1.5/6.2s".
  function tellPlace() {
    if (!element.classList.contains("busy") || element.offsetParent === null) return;
    const told = [...(element.closest(".block")?.querySelectorAll(".wrap.minimal") ?? [])].map((mark) => mark.textContent).join(" ");
    const [, place, count] = told.match(/queue: (\d+)\/(\d+)/) ?? [];
    const [, spent, whole] = told.match(/([\d.]+)\/([\d.]+)s/) ?? [];
    const left = Math.ceil(whole - spent);
    const turn = place === "1" ? "yours is the next question" : `you are number ${place} of ${count} in the queue`;
    if (place) $(".detail").textContent = `Many people search now: ${turn}${left > 0 ? `, about ${left} s left` : ""}.`;
    setTimeout(tellPlace, 400);
  }

  function wait({ detail }) {
    element.classList.add("busy");
    setTimeout(tellPlace, 400);
    const narrow = matchMedia("(max-width: 760px)").matches;
    if (detail?.far && narrow) element.scrollIntoView({ block: "start", behavior: "smooth" });
  }
  // The tab that is seen answers the visitor's question; another one does once it is opened.
  function answer(event) {
    if (!element.isConnected || element.offsetParent === null) return;
    wait(event);
    trigger("submit");
  }
  if (searching) document.addEventListener("asked", answer);
  else mode.addEventListener("asked", wait);
  if (searching) document.addEventListener("subject", ({ detail }) => {
    $(".subject").hidden = !detail.src;
    $(".subject img").src = detail.src;
    $(".subject img").alt = `To your picture: ${detail.alt}`;
  });
  $(".subject").addEventListener("click", () => document.querySelector(".query")?.scrollIntoView({ block: "start", behavior: "smooth" }));
  document.addEventListener("index-progress", (event) => {
    const place = $(".notice .progress");
    if (place) place.innerHTML = event.detail;
  });
  watch("value", receive);
  receive();
}
