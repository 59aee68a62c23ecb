// The words of the question: the text is the one place where phrases and their weights stand; sliders rewrite it.
// Phrases are read as retrieval/search/words.py reads them: between commas, a minus or "no" before, ":0.5" behind.
import { make } from "../widgets/elements.js";

const SEPARATOR = /(?<!\d),|,(?!\d{3}(?!\d))|[;\n\uff0c\u3001\u060c]/;
const MINUS = /^(?:[-\u2212\u2013\u2014]|(?:no|not|without)\s)\s*/i;
const WEIGHT = /\s*:\s*(\d+(?:\.\d+)?|\.\d+)$/;
const HEAVIEST = 2;

// The phrases of a text, [{ text, weight }, …].
export function phrases(text) {
  return text.split(SEPARATOR).map((part) => part.trim()).filter(Boolean).map((part) => {
    const sign = MINUS.test(part) ? -1 : 1;
    const rest = part.replace(MINUS, "");
    const found = rest.match(WEIGHT);
    return { text: rest.replace(WEIGHT, "").trim(), weight: sign * (found ? Number(found[1]) : 1) };
  }).filter((phrase) => phrase.text);
}

// A phrase as it is typed.
export function written({ text, weight }) {
  const size = Math.abs(weight);
  return `${weight < 0 ? "no " : ""}${text}${size === 1 ? "" : `:${size}`}`;
}

// Fill `section`; `ask({ text, balance })` is called with new words. Returns what the question tells the box.
export function wordsBox(section, ask) {
  const $ = (selector) => section.querySelector(selector);
  const input = $("input[type=text]");
  const balance = $(".balance input");
  let touched = null;
  let pictured = false;
  let sent = "";

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
    const all = phrases(input.value);
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

  function submit(redraw = true) {
    const text = input.value.trim();
    say("");
    if (!text && !sent) return say("Type what you are looking for, for example: red dress, no stripes");
    sent = text;
    $("[data-do=clear]").hidden = !text;
    if (redraw || !text) drawSliders();
    drawBalance();
    ask({ text: sent, balance: share() });
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

  return {
    say,
    // A picture that the visitor chose counts half beside the words, one that was only there from the start not at all.
    withPicture() {
      pictured = true;
      drawBalance();
      return { text: sent, balance: share() };
    },
    // Show the words of a question that came from elsewhere: the page's address, or a step back.
    show({ text = "", balance: given, offer = "" }) {
      $(".absent").hidden = !offer;
      $(".absent p").textContent = offer;
      if (text === sent) return;
      input.value = sent = text;
      touched = text ? given ?? null : null;
      $("[data-do=clear]").hidden = !text;
      drawSliders();
      drawBalance();
    },
  };
}
