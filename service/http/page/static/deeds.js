// What users do: told to the service as events, and what it makes of the items.

import { Problem, call } from "./api.js";
import { button, el, fill, find, percent } from "./dom.js";
import { awaitThaw, getItem, lastTold, stateChip, thawBar } from "./items.js";
import { changeState } from "./state.js";
import { counted, deedName, nameOf } from "./words.js";

const done = new Map();

/** An id of an event, made where it happens: sent twice it counts once. */
export function newEventId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `ui-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Tells what was done with one item; the list follows at once, and again when the item has thawed. */
export async function react(itemId, events) {
  const before = lastTold(itemId) ?? (await getItem(itemId));
  await tell(events.map((event) => ({ event_id: newEventId(), item_id: itemId, ...event })));
  const who = events.length === 1 ? events[0].user_id : counted(events.length, "user");
  const said = `${who} ${deedName(events[0].event_type)}`;
  note(before, said);
  document.dispatchEvent(new CustomEvent("changed", { detail: { marks: true } }));
  follow(before, said);
}

async function tell(events) {
  const { events: outcomes } = await call("POST", "/events", { json: events.length === 1 ? events[0] : { events } });
  const refused = outcomes.find(({ status }) => status === "invalid" || status === "erased");
  if (refused)
    throw new Problem(422, { detail: refused.detail ?? "the event is older than its user’s erasure, and is not kept" });
}

async function follow(before, said) {
  try {
    const after = await awaitThaw(before);
    note(after, said, before.thawed);
    document.dispatchEvent(new CustomEvent("changed", { detail: { item: after.item_id } }));
  } catch (problem) {
    note(before, `How far it thawed is not known (${problem.message}): ${said}`);
  }
}

function note(item, said, was = item.thawed) {
  done.delete(item.item_id);
  done.set(item.item_id, { item, said, was });
  find("deeds").hidden = false;
  fill(find("deeds").querySelector("ul"), [...done.values()].slice(-4).reverse().map(noted));
}

function noted({ item, said, was }) {
  const title = button("link", () => changeState({ item: item.item_id }), nameOf(item));
  const rise = was > 0 && item.thawed > was && el("span", { class: "rise" }, `+${percent(item.thawed - was)}`);
  return el(
    "li",
    {},
    el("span", { class: "said" }, `${said} `, title),
    stateChip(item.state),
    thawBar(item),
    rise,
    el("span", { class: "note" }, counted(item.event_count, "event")),
  );
}
