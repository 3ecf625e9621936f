// One item, opened.

import { audienceOf } from "./audience.js";
import { changesOf } from "./changes.js";
import { react } from "./deeds.js";
import { button, complaintLine, doing, el, fill, find, pairs, section, sentence } from "./dom.js";
import { fusionOf } from "./fusion.js";
import { getItem, lastTold, picture, stateChip, thawBar } from "./items.js";
import { similarTo } from "./similar.js";
import { changeState, readState } from "./state.js";
import { crowdOf } from "./users.js";
import { counted, nameOf, stateMeaning } from "./words.js";

const dialog = find("item");
const BUTTONS = { like: "Like", purchase: "Buy", hide: "Hide" };

export function prepareItem() {
  dialog.addEventListener("close", () => readState().item && changeState({ item: "" }));
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
}

/** Shows an item, or closes what is open where there is no id. */
export async function showItem(id) {
  if (id === "") return dialog.close();
  if (!dialog.open) dialog.showModal();
  fill(dialog, closeButton(), heading(id));
  try {
    render(await getItem(id));
  } catch (problem) {
    if (readState().item === id) dialog.append(el("p", { class: "error", role: "alert" }, sentence(problem.message)));
  }
}

/** Draws anew what moves as events come, if the item is open. */
export function refreshItem(id) {
  const [item, place] = [lastTold(id), dialog.querySelector("#item-standing")];
  if (dialog.open && readState().item === id && item && place) fill(place, standing(item));
}

const closeButton = () =>
  el("button", { type: "button", class: "close quiet", "aria-label": "Close", onclick: () => dialog.close() }, "×");
const heading = (name) => el("h2", { id: "item-title" }, name);

function render(item) {
  if (readState().item !== item.item_id) return;
  fill(
    dialog,
    closeButton(),
    head(item),
    item.text && el("p", { class: "text" }, item.text),
    pairs(facts(item)),
    reactions(item),
    section("How its content was read", fusionOf(item)),
    similarTo(item),
    audienceOf(item),
    changesOf(item, { changed: render, gone: () => dialog.close() }),
  );
  dialog.scrollTop = 0;
}

function head(item) {
  const place = el("div", { id: "item-standing", role: "status" }, standing(item));
  return el(
    "div",
    { class: "head" },
    picture(item, "large"),
    el("div", {}, heading(nameOf(item)), el("code", {}, item.item_id), place),
  );
}

function standing(item) {
  const start = item.embedding_source === "learned" ? "where training learned it" : "its content";
  const events = counted(item.event_count, "event");
  return [
    el("p", {}, stateChip(item.state), `: ${stateMeaning(item.state)}`),
    thawBar(item),
    el("p", { class: "note" }, `${events} since training. It starts from ${start}, and thaws towards those who react.`),
    !item.searchable && el("p", { class: "warning" }, absence(item)),
  ];
}

function absence(item) {
  if (item.hidden) return sentence(`no list has it: ${item.hidden_reason || "it is hidden, and no reason was said"}`);
  return "No list has it: it has expired, or the checkpoint that serves reads nothing of it.";
}

function facts(item) {
  const dates = { published: item.published_at, expires: item.expires_at, posted: item.created_at };
  const told = Object.entries(dates).filter(([, moment]) => moment);
  return [...Object.entries(item.attributes), ...told.map(([name, moment]) => [name, new Date(moment).toLocaleString()])];
}

function reactions(item) {
  const { user } = readState();
  if (user === "") return null;
  const complaint = complaintLine();
  const offer = (type, users, label) => {
    const events = users.map((user_id) => ({ user_id, event_type: type }));
    return button(
      `deed ${type}`,
      ({ currentTarget }) => doing(currentTarget, complaint, () => react(item.item_id, events)),
      label,
    );
  };
  const buttons = Object.entries(BUTTONS).map(([type, label]) => offer(type, [user], label));
  const crowd = crowdOf(user);
  const all =
    crowd.length > 0 && el("p", {}, offer("like", crowd, `Let ${crowd.length} users of the demo with this taste like it`));
  return section(`React as ${user}`, el("div", { class: "deeds" }, buttons), all, complaint);
}
