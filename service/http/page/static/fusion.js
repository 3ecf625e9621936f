// How an item's content became an embedding, in words and bars.

import { bar, el, percent } from "./dom.js";
import { expertName, modalityName, viewName } from "./words.js";

/** What was read of an item, how much each view of it counts, and within each view the experts. */
export function fusionOf(item) {
  if (Object.keys(item.gate).length === 0) return el("p", { class: "note" }, "The checkpoint that serves reads nothing of it.");
  return el(
    "div",
    { class: "fusion" },
    el("p", { class: "has" }, ...modalities(item)),
    el("h4", {}, "How much each way to read it counts"),
    weights(item.gate, viewName),
    experts(item),
  );
}

function modalities(item) {
  const [there, lacking] = [true, false].map((has) =>
    Object.keys(item.modalities).filter((name) => item.modalities[name] === has),
  );
  return [
    "Read of it: ",
    el("strong", {}, there.map(modalityName).join(", ") || "nothing"),
    lacking.length > 0 && `. It lacks: ${lacking.map(modalityName).join(", ")}`,
    ".",
  ];
}

function experts(item) {
  const views = Object.entries(item.experts).filter(([view]) => item.gate[view] > 0);
  return el(
    "details",
    {},
    el("summary", {}, "The experts behind it"),
    views.map(([view, shares]) => [el("h5", {}, `Of ${viewName(view)}`), weights(shares, expertName)]),
  );
}

/** Weights as bars, the heaviest first; what weighs nothing is left out. */
function weights(shares, naming) {
  const sorted = Object.entries(shares)
    .filter(([, share]) => share > 0.0005)
    .sort(([, one], [, other]) => other - one);
  return el(
    "ul",
    { class: "weights" },
    sorted.map(([name, share]) =>
      el("li", {}, el("span", {}, naming(name)), bar(share), el("span", { class: "figure" }, percent(share))),
    ),
  );
}

/** The views that count, in one line. */
export function gateLine(gate) {
  const sorted = Object.entries(gate)
    .filter(([, share]) => share >= 0.005)
    .sort(([, one], [, other]) => other - one);
  return sorted.map(([view, share]) => `${viewName(view)} ${percent(share)}`).join(", ");
}
