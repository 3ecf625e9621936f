// Who would want an item: by the service where the key may ask that, and where it stands in lists of users who are known here.

import { call, readKey } from "./api.js";
import { bar, el, fill, sentence } from "./dom.js";
import { knownUsers, userButton } from "./users.js";

const DEEPEST = 100;
const refusals = new Map();

/** Both, filled in as the service answers. */
export function audienceOf(item) {
  const [likely, standing] = [el("div", {}, "…"), el("div", {}, "…")];
  showIn(likely, () => likeliest(item));
  if (item.searchable) showIn(standing, () => places(item));
  return el(
    "div",
    { class: "audience" },
    el("h4", {}, "Who would want it most"),
    likely,
    item.searchable && knownUsers().length > 0 && [el("h4", {}, "Its place in lists"), standing],
  );
}

async function showIn(place, make) {
  try {
    fill(place, await make());
  } catch (problem) {
    fill(place, el("p", { class: problem.isAboutKey ? "note" : "error" }, sentence(problem.message)));
  }
}

/** The likeliest users need an admin key: what was refused to a key is not asked for again. */
async function likeliest(item) {
  const key = readKey();
  if (refusals.has(key)) throw refusals.get(key);
  try {
    const { users } = await call("GET", "/items/{item_id}/audience", { path: { item_id: item.item_id }, query: { k: 6 } });
    return users.length > 0
      ? meters(users.map((one) => [one.user_id, one.relevance / 4, one.relevance.toFixed(1)]))
      : "Nobody yet.";
  } catch (problem) {
    if (problem.isAboutKey) refusals.set(key, problem);
    throw problem;
  }
}

async function places(item) {
  const wish = { user_ids: knownUsers(), k: DEEPEST, exclude_seen: false, fallback: true };
  const { lists } = await call("POST", "/recommend", { json: wish });
  const found = lists.map((list) => [
    list.user_id,
    list.items.findIndex((hit) => hit.item_id === item.item_id),
    list.items.length,
  ]);
  const [within, beyond] = [found.filter(([, at]) => at >= 0), found.filter(([, at]) => at < 0)];
  within.sort(([, one], [, other]) => one - other);
  return meters([
    ...within.map(([user, at, of]) => [user, 1 - at / of, `place ${at + 1}`]),
    ...beyond.map(([user, , of]) => [user, 0, of < DEEPEST ? "nowhere" : `beyond ${of}`]),
  ]);
}

const meters = (rows) =>
  el(
    "ul",
    { class: "weights" },
    rows.map(([user, share, figure]) => el("li", {}, userButton(user), bar(share), el("span", { class: "figure" }, figure))),
  );
