// A user's list, and how its items move as the user reacts.

import { call } from "./api.js";
import { newEventId, react } from "./deeds.js";
import { bar, button, complain, complaintLine, doing, el, fill, find, sentence } from "./dom.js";
import { gateLine } from "./fusion.js";
import { getItems, lastTold, picture, stateChip, thawBar } from "./items.js";
import { changeState, wishOf } from "./state.js";
import { remember, tasteOf } from "./users.js";
import { counted, deedName, nameOf, sourceSentence } from "./words.js";

const CONTROLS = {
  user_id: ["user-error", "user"],
  k: ["wish-error", "k"],
  diversity: ["wish-error", "diversity"],
  exploration: ["wish-error", "exploration"],
};
const BUTTONS = { like: "Like", purchase: "Buy", hide: "Hide" };
let asked = 0;
let order = [];
let orderBefore = null;

/** Shows the list that a state asks for; `moving` marks how items moved since `markMoves`. */
export async function showList(state, { moving = false } = {}) {
  if (state.user === "") return empty("Type the id of one of your users, or of somebody new.");
  const turn = (asked += 1);
  clearComplaints();
  if (!moving) orderBefore = null;
  try {
    const list = await call("POST", "/recommend", { json: wishOf(state) });
    if (turn === asked) render(state.user, list);
  } catch (problem) {
    if (turn === asked) refuse(problem);
  }
}

/** From now on items are marked by how they move against the list as it is. */
export function markMoves() {
  orderBefore = order;
}

function empty(status) {
  asked += 1;
  order = [];
  fill(find("hits"));
  find("legend").hidden = true;
  find("list-status").textContent = status;
}

function clearComplaints() {
  for (const [complaint, control] of Object.values(CONTROLS)) complain(complaint, null, find(control));
}

function refuse(problem) {
  const [complaint, control] = CONTROLS[problem.field] ?? ["wish-error"];
  complain(complaint, problem, control && find(control));
  empty("");
}

function render(user, list) {
  const place = focusedPlace();
  remember(user);
  order = list.items.map((hit) => hit.item_id);
  const most = Math.max(3, ...list.items.map((hit) => hit.relevance));
  const told = getItems(list.items.filter(isStale).map((hit) => hit.item_id));
  fill(
    find("hits"),
    list.items.map((hit, at) => card(user, list, hit, at, most, told)),
  );
  find("legend").hidden = list.items.length === 0;
  find("list-status").textContent = statusOf(user, list);
  focusOn(place);
}

function statusOf(user, list) {
  if (list.items.length === 0) return `There is nothing for ${user} here: no item that it has not had already fits these wishes.`;
  const slow = list.degraded ? " A cache is out of order: the list is right, and took longer." : "";
  return `${counted(list.items.length, "item")}${sourceSentence(user, list.source)}${tasteOf(user)}${slow}`;
}

/** A hit as far as its item is known, and again when `told`, where it was asked for. */
function card(user, list, hit, at, most, told) {
  const made = el("li", { class: "hit" });
  const draw = () => {
    const item = lastTold(hit.item_id);
    fill(made, face(hit, item, at), figures(hit, item, most), why(hit), deeds(user, list, hit));
  };
  draw();
  const refuse = (problem) => made.append(el("p", { class: "error" }, sentence(problem.message)));
  if (isStale(hit)) told.then(draw, refuse);
  return made;
}

const isStale = ({ item_id, state }) => lastTold(item_id)?.state !== state || state === "thawing";

function face(hit, item, at) {
  const title = item ? nameOf(item) : hit.item_id;
  return button(
    "face",
    () => changeState({ item: hit.item_id }),
    picture(item),
    el("span", { class: "place" }, String(at + 1)),
    el("span", { class: "name" }, title),
    title !== hit.item_id && el("span", { class: "id" }, hit.item_id),
  );
}

function figures(hit, item, most) {
  return el(
    "div",
    { class: "figures" },
    el("span", { class: "relevance" }, bar(hit.relevance / most), el("span", {}, `relevance ${hit.relevance.toFixed(1)}`)),
    el(
      "span",
      { class: "marks" },
      stateChip(hit.state),
      hit.reason === "exploration" && el("span", { class: "mark" }, "explored"),
      moveOf(hit.item_id),
    ),
    item?.event_count > 0 && thawBar(item),
  );
}

/** How an item moved among those that are in both lists. */
function moveOf(id) {
  if (!orderBefore) return null;
  if (!orderBefore.includes(id)) return el("span", { class: "mark new" }, "came in");
  const [then, now] = [orderBefore.filter((one) => order.includes(one)), order.filter((one) => orderBefore.includes(one))];
  const up = then.indexOf(id) - now.indexOf(id);
  return up !== 0 && el("span", { class: up > 0 ? "up" : "down" }, `${up > 0 ? "▲" : "▼"} ${Math.abs(up)}`);
}

function why({ explanation }) {
  if (!explanation) return null;
  const near = explanation.nearest.map(({ item_id, cosine }) => [
    button("link", () => changeState({ item: item_id }), item_id),
    ` ${cosine.toFixed(2)} `,
  ]);
  return el(
    "div",
    { class: "why" },
    el("p", {}, sentence(`read by ${gateLine(explanation.gate)}`)),
    near.length > 0 && el("p", {}, "Of what the user likes, nearest to: ", near),
  );
}

function deeds(user, list, hit) {
  const complaint = complaintLine();
  const buttons = Object.entries(BUTTONS).map(([type, name]) => {
    const event = { event_id: newEventId(), user_id: user, event_type: type, recommendation_id: list.recommendation_id };
    const press = ({ currentTarget }) => doing(currentTarget, complaint, () => react(hit.item_id, [event]));
    const made = button(`deed ${type}`, press, name);
    made.dataset.deed = type;
    made.title = `Tell the service that ${user} ${deedName(type)} it`;
    return made;
  });
  return [el("div", { class: "deeds" }, buttons), complaint];
}

/** Where the keyboard is in the list: which card, which button; a list drawn anew leaves it there. */
function focusedPlace() {
  const cards = [...find("hits").children];
  const at = cards.findIndex((one) => one.contains(document.activeElement));
  return at < 0 ? null : { at, deed: document.activeElement.dataset.deed };
}

function focusOn(place) {
  if (!place) return;
  const cards = find("hits").children;
  const one = cards[Math.min(place.at, cards.length - 1)];
  const target = one?.querySelector(place.deed ? `[data-deed="${place.deed}"]` : ".face");
  (target ?? find("lists-title")).focus({ preventScroll: true });
}
