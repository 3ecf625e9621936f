// Items as the API told them last, and their pictures.

import { address, call, readKey } from "./api.js";
import { bar, el, percent } from "./dom.js";
import { nameOf, stateMeaning } from "./words.js";

const known = new Map();

/** An item as it was told last, or undefined. */
export const lastTold = (id) => known.get(id);

/** Asks for an item. */
export async function getItem(id) {
  return keepItem(await call("GET", "/items/{item_id}", { path: { item_id: id } }));
}

const NAMED = 40;

/** Asks for some items by few calls: an address has a limit. */
export async function getItems(ids) {
  for (let at = 0; at < ids.length; at += NAMED) {
    const { items } = await call("GET", "/items", { query: { item_id: ids.slice(at, at + NAMED) } });
    items.forEach(keepItem);
  }
}

export function keepItem(item) {
  known.set(item.item_id, item);
  return item;
}

export const forgetItem = (id) => known.delete(id);

/** Waits, two seconds at most, until events have moved an item; then it is told as it is. */
export async function awaitThaw(before) {
  let item = before;
  for (let at = 0; at < 8 && item.thawed === before.thawed; at += 1) {
    await new Promise((done) => setTimeout(done, 250));
    item = await getItem(before.item_id);
  }
  return item;
}

/** An item's picture in a frame, or its first letter where it has none. */
export function picture(item, size = "") {
  const frame = el("span", { class: `picture ${size}` });
  if (item?.image) show(frame, item);
  else frame.append(el("span", { "aria-hidden": "true" }, item ? nameOf(item).charAt(0).toUpperCase() : ""));
  return frame;
}

async function show(frame, item) {
  try {
    frame.append(el("img", { alt: `Picture of ${nameOf(item)}`, ...(await sourceOf(item)) }));
  } catch (problem) {
    frame.append(el("span", { title: problem.message }, "?"));
  }
}

/** The browser's own way of loading pictures cannot send a key: where there is one the page asks, and frees what it showed. */
async function sourceOf(item) {
  const path = { item_id: item.item_id };
  if (!readKey()) return { src: address("/items/{item_id}/image", path) };
  const src = URL.createObjectURL(await call("GET", "/items/{item_id}/image", { path, as: "blob" }));
  const free = () => URL.revokeObjectURL(src);
  return { onload: free, onerror: free, src };
}

/** A word for an item's state, with what it means. */
export const stateChip = (state) => el("span", { class: `state ${state}`, title: stateMeaning(state) }, state);

/** How far events moved an item, as a bar and in words. */
export function thawBar(item) {
  return el("span", { class: "thaw" }, bar(item.thawed, "thawed"), el("span", {}, `${percent(item.thawed)} thawed`));
}
