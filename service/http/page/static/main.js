// The page follows its address: controls change the address, and what is shown is what the address says.

import { keepKey, readKey } from "./api.js";
import { complain, find, percent } from "./dom.js";
import { prepareItem, refreshItem, showItem } from "./item.js";
import { markMoves, showList } from "./list.js";
import { prepareForm } from "./post.js";
import { showServing } from "./serving.js";
import { changeState, readState, wishOf } from "./state.js";
import { offerExamples } from "./users.js";

const TICKS = ["cold_only", "seen", "explain"];
const RANGES = ["diversity", "exploration"];
let shown = { wish: "", item: "" };

/** Shows what the address says, and only what of it is new. */
function follow() {
  const state = readState();
  const wish = JSON.stringify(wishOf(state));
  setControls(state);
  if (wish !== shown.wish) showList(state);
  if (state.item !== shown.item) showItem(state.item);
  shown = { wish, item: state.item };
}

function setControls(state) {
  for (const name of ["user", "k"]) find(name).value = state[name];
  for (const name of TICKS) find(name).checked = state[name] === "1";
  for (const name of RANGES) setRange(name, state[name]);
  document.title = state.user ? `${state.user} – Thaw` : "Thaw";
}

function setRange(name, value) {
  find(name).value = value || "0";
  document.querySelector(`output[for=${name}]`).textContent = value === "" ? "default" : percent(Number(value));
}

function prepareControls() {
  find("user-form").addEventListener("submit", (event) => {
    event.preventDefault();
    changeState({ user: find("user").value.trim(), k: find("k").value });
  });
  find("k").addEventListener("change", ({ target }) => changeState({ k: target.value }));
  for (const name of TICKS)
    find(name).addEventListener("change", ({ target }) => changeState({ [name]: target.checked ? "1" : "" }));
  for (const name of RANGES) {
    find(name).addEventListener("input", ({ target }) => setRange(name, target.value));
    find(name).addEventListener("change", ({ target }) => changeState({ [name]: target.value }));
  }
  find("open-form").addEventListener("submit", (event) => {
    event.preventDefault();
    changeState({ item: find("open-id").value.trim() });
  });
}

function prepareKey() {
  find("key").value = readKey();
  find("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keepKey(find("key").value.trim());
    complain("key-error", null);
    find("key-box").open = false;
    start();
  });
  document.addEventListener("key-needed", ({ detail }) => {
    find("key-box").open = true;
    complain("key-error", detail);
  });
}

/** Something changed an item or a user's taste. */
function onChange({ detail }) {
  if (detail.marks) markMoves();
  if (detail.item) refreshItem(detail.item);
  showList(readState(), { moving: true });
  showServing();
}

async function start() {
  showServing();
  shown = { wish: "", item: "" };
  try {
    const first = await offerExamples();
    if (first && readState().user === "") changeState({ user: first }, { quietly: true });
  } catch (problem) {
    if (problem.status !== 401) complain("user-error", problem);
  }
  follow();
}

prepareControls();
prepareKey();
prepareForm();
prepareItem();
document.addEventListener("changed", onChange);
addEventListener("hashchange", follow);
start();
