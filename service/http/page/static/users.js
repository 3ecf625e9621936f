// Users whom this page knows of: the API lists none, so these are the demo's, and those who came up here.

import { call } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { changeState } from "./state.js";

const TASTES = [
  "words-sailing",
  "words-baking",
  "words-space",
  "words-garden",
  "picture-stripes",
  "picture-dots",
  "picture-leaves",
  "picture-waves",
];
const known = new Set();
let demo = [];

/** The users to compare: at most ten, who came up last. */
export const knownUsers = () => [...known].slice(-10);

/** Up to 30 users of the demo who share a user's taste; none for any other user. */
export function crowdOf(user) {
  const taste = user.replace(/-\d+$/, "");
  if (!demo.some((one) => one.startsWith(`${taste}-`))) return [];
  return Array.from({ length: 30 }, (_, at) => `${taste}-${String(at + 1).padStart(2, "0")}`);
}

/** What a user of the demo cares for, as a sentence; empty for any other. */
export function tasteOf(user) {
  const [, sense, taste] = crowdOf(user).length > 0 ? user.match(/^(\w+)-(\w+)/) : [];
  const where = sense === "words" ? "an item’s words tell" : "an item’s picture shows";
  return taste ? ` In the demo it cares for ${taste}, which only ${where}.` : "";
}

export function remember(user) {
  known.delete(user);
  known.add(user);
  fill(
    find("known-users"),
    [...known].map((one) => el("option", { value: one })),
  );
}

/** Offers the demo's users where the service knows them; answers with the first of them, if any. */
export async function offerExamples() {
  const user_ids = TASTES.map((taste) => `${taste}-01`);
  const { lists } = await call("POST", "/recommend", { json: { user_ids, k: 1 } });
  demo = lists.filter((one) => !one.problem).map((one) => one.user_id);
  demo.forEach(remember);
  fill(find("examples"), demo.length > 0 && el("span", {}, "In the demo:"), demo.map(userButton));
  return demo[0];
}

/** A button that shows a user's list. */
export function userButton(user) {
  return button("chip", () => changeState({ user, item: "" }), user);
}
