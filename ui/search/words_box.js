// The words box: the text is the one place where phrases and their weights stand; sliders rewrite it.
// Phrases are read as retrieval/search/words.py reads them: between commas, a minus or "no" before, ":0.5" behind.
import { make, plain } from "../widgets/elements.js";

export function mount({ element, props, trigger, watch }) {
  const mode = element.closest(".mode") ?? document.body;
  const $ = (selector) => element.querySelector(selector);
  const input = $("input[type=text]");
  const balance = $(".balance input");
  const SEPARATOR = /[,;\n\uff0c\u3001\u060c]/;
  const MINUS = /^(?:[-\u2212\u2013\u2014]|(?:no|not|without)\s)\s*/i;
  const WEIGHT = /\s*:\s*(\d+(?:\.\d+)?|\.\d+)$/;
  const HEAVIEST = 2;
  let touched = null;
  let pictured = false;
  let asking = false;
  let sent = "";

  function phrases() {
    return input.value.split(SEPARATOR).map((part) => part.trim()).filter(Boolean).map((part) => {
      const sign = MINUS.test(part) ? -1 : 1;
      const rest = part.replace(MINUS, "");
      const found = rest.match(WEIGHT);
      return { text: rest.replace(WEIGHT, "").trim(), weight: sign * (found ? Number(found[1]) : 1) };
    }).filter(({ text }) => text);
  }

  const written = ({ text, weight }) => {
    const size = Math.abs(weight);
    return `${weight < 0 ? "no " : ""}${text}${size === 1 ? "" : `:${size}`}`;
  };

  const inWords = (weight) => (weight === 0 ? "left out" : weight < 0 ? `less, ${-weight}` : String(weight));

  function slider(phrase, place, all) {
    const range = make("input", {
      type: "range", min: -HEAVIEST, max: HEAVIEST, step: 0.1, value: phrase.weight,
      "aria-label": `How much “${phrase.text}” counts; below zero, the less of it the better`,
    });
    const shown = make("output", {}, inWords(phrase.weight));
    range.addEventListener("input", () => (shown.textContent = inWords(Number(range.value))));
    range.addEventListener("change", () => {
      all[place] = { ...phrase, weight: Number(range.value) };
      input.value = all.map(written).join(", ");
      submit(false);
    });
    return make("label", { class: "slider" }, make("span", { title: phrase.text }, phrase.text), range, shown);
  }

  function drawSliders() {
    const all = phrases();
    $(".sliders").replaceChildren(...(all.length > 1 && all.length <= 8 ? all.map(slider) : []));
  }

  const share = () => touched ?? (pictured ? 0.5 : 0);

  function drawBalance() {
    const part = Math.round(share() * 100);
    $(".balance").hidden = !sent;
    balance.value = share();
    $(".balance output").textContent = part === 0 ? "the words alone" : part === 100 ? "the picture alone" : `picture ${part} %, words ${100 - part} %`;
  }

  function say(text) {
    $(".problem").textContent = text;
    $(".problem").hidden = !text;
  }

  function put() {
    props.value = { ...props.value, text: sent, balance: share() };
  }

  function submit(redraw = true) {
    const text = input.value.trim();
    say("");
    if (!text && !sent) return say("Type what you are looking for, for example: red dress, no stripes");
    sent = text;
    $("[data-do=clear]").hidden = !text;
    if (redraw || !text) drawSliders();
    drawBalance();
    put();
    asking = Boolean(text);
    mode.dispatchEvent(new CustomEvent("asked", { detail: { far: false, words: true } }));
    trigger("submit");
  }

  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  $("[data-do=clear]").addEventListener("click", () => {
    input.value = "";
    touched = null;
    submit();
    input.focus();
  });
  balance.addEventListener("input", () => {
    touched = Number(balance.value);
    drawBalance();
  });
  balance.addEventListener("change", () => submit(false));
  // A picture that the visitor chose counts half beside the words, one that was only there from the start not at all.
  mode.addEventListener("asked", ({ detail }) => {
    if (detail?.words) return;
    asking = false;
    if (!detail?.far) return;
    pictured = true;
    drawBalance();
    put();
  }, true);
  // What was wrong with the words is said here and not under the picture.
  mode.addEventListener("problem", (event) => {
    if (!asking) return;
    event.stopImmediatePropagation();
    say(event.detail);
  }, true);

  function receive() {
    const next = plain(props.value);
    $(".absent").hidden = !next.absent;
    $(".absent p").textContent = next.absent ?? "";
  }
  watch("value", receive);
  receive();
}
