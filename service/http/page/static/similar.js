// Items whose taste points where an item's does.

import { call } from "./api.js";
import { button, el, fill, section, sentence } from "./dom.js";
import { getItem, lastTold, picture } from "./items.js";
import { changeState } from "./state.js";
import { nameOf } from "./words.js";

const MOST = 6;

/** A section that is filled as the service answers. */
export function similarTo(item) {
  const place = el("ul", { class: "similar" });
  load(item, place);
  return section("Similar items", place);
}

async function load(item, place) {
  try {
    const { items } = await call("GET", "/items/{item_id}/similar", { path: { item_id: item.item_id }, query: { k: MOST } });
    const told = await Promise.all(items.map((hit) => lastTold(hit.item_id) ?? getItem(hit.item_id)));
    fill(
      place,
      told.length === 0 ? el("li", { class: "note" }, "There is none.") : told.map((one, at) => face(one, items[at].cosine)),
    );
  } catch (problem) {
    fill(place, el("li", { class: "error" }, sentence(problem.message)));
  }
}

function face(item, cosine) {
  const open = () => changeState({ item: item.item_id });
  const [name, near] = [el("span", { class: "name" }, nameOf(item)), el("span", { class: "id" }, `cosine ${cosine.toFixed(2)}`)];
  return el("li", {}, button("face", open, picture(item, "small"), name, near));
}
