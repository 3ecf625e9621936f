// The checkpoint that serves, and how the index is.

import { call } from "./api.js";
import { el, fill, find, pairs, sentence } from "./dom.js";
import { counted, modalityName } from "./words.js";

/** One line of both, and the rest below it. */
export async function showServing() {
  const [ready, model] = await Promise.allSettled([call("GET", "/health/ready"), call("GET", "/model")]);
  const said = [ready, model].map((one, at) =>
    one.status === "fulfilled" ? [indexLine, modelLine][at](one.value) : sentence(one.reason.message),
  );
  find("serving").textContent = said.join(" ");
  fill(find("model-more"), model.status === "fulfilled" && details(model.value));
}

function indexLine(ready) {
  const lost =
    ready.unplaced_items > 0 ? `, ${ready.unplaced_items} more cannot be read by this checkpoint: post them again` : "";
  const slow = ready.degraded ? ", and a cache is out of order" : "";
  return sentence(`${counted(ready.items, "item")} can be recommended${lost}${slow}`);
}

function modelLine(model) {
  const swap = ["idle", "done"].includes(model.swap.state) ? "" : ` Another checkpoint: ${model.swap.state.replace("_", " ")}.`;
  return `Recipe ${model.recipe.name}, space ${model.space}, ${counted(model.users, "user")} known.${swap}`;
}

function details(model) {
  const { items, users, split, ...measured } = model.metrics;
  const whom = `${counted(items ?? 0, "item")} held out as new, for ${counted(users ?? 0, "user")} (${split ?? "no split"})`;
  const metrics = Object.entries(measured).filter(([name]) => !name.endsWith("_stderr"));
  const counts = Object.entries(model.dataset).filter(([, value]) => typeof value === "number");
  const encoders = Object.entries(model.encoders);
  return [
    part(
      `How well it ranked ${whom}; 1 is the best`,
      metrics.map(([name, value]) => [name, metric(value, measured[`${name}_stderr`])]),
    ),
    part(
      "What reads each kind of content",
      encoders.map(([name, encoder]) => [modalityName(name), encoder.name]),
    ),
    part(
      "What it was trained on",
      counts.map(([name, value]) => [name.replaceAll("_", " "), value.toLocaleString("en")]),
    ),
    model.swap.error && el("p", { class: "error" }, `The last swap of checkpoints failed: ${model.swap.error}`),
  ];
}

const part = (title, rows) => el("section", {}, el("h4", {}, title), pairs(rows));

function metric(value, error) {
  if (typeof value !== "number") return String(value);
  return error === undefined ? value.toFixed(3) : `${value.toFixed(3)} ± ${error.toFixed(3)}`;
}
