// The strangest pictures of the catalogue, as many as a rate of false alarms lets through.
import { make, makeSvg, pictureAddress, plain, tell } from "../../widgets/elements.js";
import { pager } from "../../widgets/pager.js";

export function mount({ element, props, server, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const RATES = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
  const POLL = 1500;
  const state = $(".lat-state");
  const slider = $(".lat-rate input");
  let value = {};
  let turn = 0;
  let seen = false;

  const percent = (part) => `${(part * 100).toFixed(1).replace(/\.0$/, "")} %`;

  function thumb({ id, alt, score }) {
    const image = make("img", {
      src: pictureAddress(value.catalog, id, 160), alt, loading: "lazy",
    });
    const button = make("button", { type: "button", title: "Search by this picture" }, image);
    button.addEventListener("click", () => {
      tell(element, "query", { item: id, alt });
      element.closest(".searching")?.scrollIntoView({ behavior: "smooth", block: "start" });
    });
    return make("li", {}, button, make("span", { title: "strangeness: higher is stranger" }, score.toFixed(3)));
  }

  function chart({ scores, threshold }) {
    const most = Math.max(...scores.counts);
    const [width, height] = [480, 72];
    const across = (score) => ((score - scores.low) / (scores.high - scores.low || 1)) * width;
    const svg = makeSvg("svg", {
      viewBox: `0 0 ${width} ${height + 18}`, role: "img",
      "aria-label": `How strange the pictures are: from ${scores.low.toFixed(3)} to ${scores.high.toFixed(3)}, threshold ${threshold.toFixed(3)}`,
    });
    scores.counts.forEach((count, n) => {
      const tall = count ? Math.max(1.5, (count / most) * height) : 0;
      const middle = scores.low + ((n + 0.5) / scores.counts.length) * (scores.high - scores.low);
      svg.append(makeSvg("rect", {
        x: (n * width) / scores.counts.length, y: height - tall, width: width / scores.counts.length - 1, height: tall,
        class: middle >= threshold ? "over" : "",
      }));
    });
    const x = Math.min(across(threshold), width - 1);
    svg.append(makeSvg("line", { x1: x, x2: x, y1: 0, y2: height }));
    svg.append(makeSvg("text", { x: 0, y: height + 14 }, "usual"));
    svg.append(makeSvg("text", { x: width, y: height + 14, "text-anchor": "end" }, "strange"));
    return svg;
  }

  function say(text) {
    state.textContent = text;
    $(".lat-thumbs").replaceChildren();
    $(".lat-chart").replaceChildren();
    $(".lat-pager").hidden = true;
  }

  async function ask(page = 0) {
    if (!value.ready) return say("These pictures are still being looked at.");
    const mine = ++turn;
    const found = await server.strangest({ catalog: value.catalog, weights: value.weights, rate: RATES[slider.value], page });
    if (mine !== turn) return;
    if (found.problem) return say(found.problem);
    if (!found.items) {
      say(found.total ? `Measuring: ${found.done.toLocaleString()} of ${found.total.toLocaleString()} pictures …` : "Measuring …");
      return setTimeout(() => mine === turn && ask(page), POLL);
    }
    state.textContent = `${found.count.toLocaleString()} of ${found.of.toLocaleString()} pictures are stranger than the threshold of ${found.threshold.toFixed(3)}. If nothing is wrong with them, that is ${percent(RATES[slider.value])} false alarms.`;
    $(".lat-chart").replaceChildren(chart(found));
    $(".lat-thumbs").replaceChildren(...found.items.map(thumb));
    $(".lat-pager").hidden = found.pages < 2;
    $(".lat-pager").replaceChildren(pager(found.page, found.pages, ask));
  }

  function show() {
    $(".lat-rate output").textContent = percent(RATES[slider.value]);
    if (seen) ask();
  }
  slider.addEventListener("input", show);
  new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting || seen) return;
    seen = true;
    show();
  }).observe(element);

  function receive() {
    value = plain(props.value);
    turn += 1;
    show();
  }
  watch("value", receive);
  receive();
}
