// The picture to edit and its mask. props.value is what Python reads: the picture (uploaded, an item, or an edited one)
// and the mask as a picture. 'select' asks Python where the garment is; 'submit' says that picture or mask changed.
// Result cards of every tab open a picture here through the document's "edit" event.
import { make, pictureAddress, plain } from "../../widgets/elements.js";
import { fileProblem, listenForPictures, sendPicture } from "../../widgets/picture_picker.js";
import { painting } from "./mask_painting.js";

export function mount({ element, props, trigger, upload, watch }) {
  const mode = element.closest(".mode") ?? document.body;
  const $ = (selector) => element.querySelector(selector);
  const button = (name) => $(`[data-do=${name}]`);
  const picture = $(".picture");
  const input = $("input[type=file]");
  const previews = new Map();
  let shown = {};
  let loaded = "";
  let settle = 0;

  const address = (catalog, id, side) =>
    pictureAddress(catalog, id, side);
  const source = () =>
    shown.picture ? previews.get(shown.picture.path) ?? shown.picture.url
      : shown.item ? address(shown.catalog, shown.item, 640) : "";
  const mask = painting($("canvas"), $(".ring"), "#6d5dfc", painted);

  function say(text) {
    $(".problem").textContent = text;
    $(".problem").hidden = !text;
  }

  function painted() {
    const share = mask.share();
    button("undo").disabled = !mask.undoable();
    $(".share").textContent = share > 0.995 ? "Everything may change."
      : share ? `The coloured part may change: ${Math.max(1, Math.round(share * 100))} % of the picture.`
        : "Paint over what should change.";
    shown = { ...shown, mask: mask.picture(), share };
    props.value = shown;
    clearTimeout(settle);
    settle = setTimeout(() => trigger("submit"), 250);
  }

  function draw() {
    const src = source();
    $(".hint").hidden = Boolean(src);
    $(".frame").hidden = !src;
    for (const tools of element.querySelectorAll(".brushes")) tools.hidden = !src;
    if (picture.getAttribute("src") !== src) picture.setAttribute("src", src);
    picture.alt = shown.alt ?? "";
  }

  // Another picture: its garment is marked as soon as it is seen.
  function open(change) {
    shown = { ...shown, picture: null, item: null, alt: "", mask: "", proposal: "", turn: (shown.turn ?? 0) + 1, ...change };
    say("");
    props.value = shown;
    draw();
    propose();
  }

  function propose() {
    element.classList.add("proposing");
    props.value = shown;
    trigger("select");
  }

  async function pick(file) {
    say("");
    if (!file) return;
    const problem = fileProblem(file, shown.limit, "edited");
    if (problem) return say(problem);
    element.classList.add("sending");
    try {
      const sent = await sendPicture(upload, file);
      previews.set(sent.path, URL.createObjectURL(file));
      open({
        picture: sent, alt: `Your picture: ${file.name}`,
      });
    } catch {
      say("The file could not be sent. Check the connection and try again.");
    } finally {
      element.classList.remove("sending");
    }
  }

  function drawExamples() {
    $(".examples").replaceChildren(...(shown.examples ?? []).map(({ catalog, id, alt }) => {
      const choice = make("button", { type: "button" }, make("img", {
        src: address(catalog, id, 160), alt: alt ? `Example: ${alt}` : "Example", loading: "lazy",
      }));
      choice.addEventListener("click", () => open({ catalog, item: id, alt }));
      return choice;
    }));
  }

  function fromCard({ catalog, id, alt }) {
    globalThis.editWanted = null;
    open({ catalog, item: id, alt });
  }

  const tools = ["brush", "eraser"];
  const doings = {
    upload: () => input.click(),
    brush: () => mask.erase(false),
    eraser: () => mask.erase(true),
    undo: mask.undo,
    garment: propose,
    all: () => mask.fill(true),
    clear: () => mask.fill(false),
    invert: mask.invert,
  };
  for (const [name, doing] of Object.entries(doings)) button(name).addEventListener("click", doing);
  $("input[type=range]").addEventListener("input", ({ target }) => mask.size(target.value / 200));
  $("canvas").addEventListener("tool", ({ detail }) => {
    for (const name of tools) button(name).setAttribute("aria-pressed", String((name === "eraser") === detail.erasing));
    $("input[type=range]").value = Math.round(detail.radius * 200);
  });
  picture.addEventListener("load", () => {
    const proportions = `${picture.src} ${picture.naturalWidth} ${picture.naturalHeight}`;
    if (proportions === loaded) return;
    loaded = proportions;
    mask.fit(picture.naturalWidth, picture.naturalHeight);
    if (shown.mask || shown.proposal) mask.load(shown.mask || shown.proposal);
  });
  picture.addEventListener("error", () => {
    if (picture.getAttribute("src")) picture.alt = "Your browser cannot show this file.";
  });
  mode.addEventListener("edit-again", ({ detail }) => {
    open(detail);
    mode.scrollIntoView({ block: "start", behavior: "smooth" });
  });
  listenForPictures({ element, place: mode, input, take: pick });
  document.addEventListener("edit", ({ detail }) => {
    if (element.isConnected) fromCard(detail);
  });

  // What Python sends may be older than what was painted since: picture and mask of the later turn stay.
  function receive() {
    const next = plain(props.value);
    const late = (next.turn ?? 0) < (shown.turn ?? 0);
    const painting = next.turn === shown.turn && shown.mask;
    const proposed = !late && next.proposal && next.proposed !== shown.proposed;
    const known = { examples: next.examples ?? shown.examples, limit: next.limit ?? shown.limit };
    if (late) shown = { ...shown, ...known };
    else shown = { ...next, ...known, ...(painting ? { mask: shown.mask, share: shown.share } : {}) };
    if (!late) element.classList.remove("proposing");
    say(shown.problem ?? "");
    draw();
    drawExamples();
    if (late || painting) props.value = shown;
    if (!proposed || !picture.complete || !picture.naturalWidth) return;
    if (!loaded.startsWith(`${picture.src} `)) picture.dispatchEvent(new Event("load"));
    else mask.load(next.proposal);
  }
  watch("value", receive);
  receive();
  if (globalThis.editWanted) fromCard(globalThis.editWanted);
}
