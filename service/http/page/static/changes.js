// An item taken off all lists, put back, or deleted.

import { call } from "./api.js";
import { button, complaintLine, doing, el, fill, find, section } from "./dom.js";
import { forgetItem, keepItem } from "./items.js";
import { fillForm } from "./post.js";
import { nameOf } from "./words.js";

const REASON = "hidden by hand at /ui";
const WARNING =
  "It goes from the store and from every list; events on it are kept. To undo it, post it again under the same id: " +
  "its words will stand in the form, and its picture has to be chosen anew.";

/**
 * The buttons for it.
 * @param {object} item
 * @param {{changed: (item: object) => void, gone: () => void}} then what follows when it was done
 */
export function changesOf(item, then) {
  const complaint = complaintLine();
  const hide = ({ currentTarget }) =>
    doing(currentTarget, complaint, async () => then.changed(await setHidden(item, !item.hidden)));
  const line = el("div", { class: "line" });
  const offer = () =>
    fill(
      line,
      button("quiet", hide, item.hidden ? "Show in lists again" : "Hide from all lists"),
      button("quiet danger", () => confirm(item, line, complaint, { offer, gone: then.gone }), "Delete …"),
    );
  offer();
  return section("Keep or remove", line, complaint);
}

async function setHidden(item, hidden) {
  const json = { hidden, ...(hidden ? { hidden_reason: REASON } : {}) };
  const changed = keepItem(await call("PATCH", "/items/{item_id}", { path: { item_id: item.item_id }, json }));
  announce();
  return changed;
}

function confirm(item, line, complaint, { offer, gone }) {
  const press = ({ currentTarget }) => doing(currentTarget, complaint, () => deleteItem(item, gone));
  const keep = button("quiet", offer, "Keep it");
  fill(line, el("p", {}, WARNING), button("danger main", press, "Delete it"), keep);
  keep.focus();
}

async function deleteItem(item, gone) {
  await call("DELETE", "/items/{item_id}", { path: { item_id: item.item_id } });
  forgetItem(item.item_id);
  gone();
  fillForm(item);
  const undo = `${nameOf(item)} is deleted. To have it back, choose its picture, if it had one, and post it.`;
  fill(find("posted"), el("p", { class: "good" }, undo));
  announce();
}

const announce = () => document.dispatchEvent(new CustomEvent("changed", { detail: {} }));
