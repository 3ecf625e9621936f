// The form of a new item, and what became of it.

import { call } from "./api.js";
import { button, complain, doing, el, fill, find, sentence } from "./dom.js";
import { audienceOf } from "./audience.js";
import { fusionOf } from "./fusion.js";
import { keepItem, picture, stateChip } from "./items.js";
import { changeState } from "./state.js";
import { nameOf, stateMeaning } from "./words.js";

const FIELDS = { item_id: "item-id", title: "title", text: "text", image: "image", attributes: "attributes" };
const EXAMPLE = {
  item_id: "mug-17",
  title: "Sailboat mug",
  text: "Rope, canvas and salt wind.",
  attributes: { price: 12.5, kind: "mug" },
};
let preview = null;

export function prepareForm() {
  find("item-form").addEventListener("submit", submit);
  find("example").addEventListener("click", () => fillForm(EXAMPLE));
  find("add-row").addEventListener("click", () => addRow().focus());
  find("image").addEventListener("change", showPreview);
  find("item-id").value = newId();
}

/** Writes an item into the form; its picture has to be chosen anew. */
export function fillForm(item) {
  find("item-form").reset();
  find("item-id").value = item.item_id;
  find("title").value = item.title;
  find("text").value = item.text;
  fill(find("rows"));
  for (const [name, value] of Object.entries(item.attributes))
    addRow(name, typed(value) === value ? value : JSON.stringify(value));
  showPreview();
  find("title").focus();
}

const newId = () => `try-${Math.random().toString(36).slice(2, 6)}`;

function addRow(name = "", value = "") {
  const first = el("input", { "aria-label": "Attribute’s name", placeholder: "price", autocomplete: "off" });
  const second = el("input", { "aria-label": "Attribute’s value", placeholder: "12.5", autocomplete: "off" });
  [first.value, second.value] = [name, value];
  const drop = button("quiet", () => dropRow(row), "×");
  drop.ariaLabel = "Remove this attribute";
  const row = el("div", { class: "row" }, first, second, drop);
  find("rows").append(row);
  find("attributes-note").hidden = false;
  return first;
}

function dropRow(row) {
  row.remove();
  find("attributes-note").hidden = find("rows").childElementCount === 0;
  find("add-row").focus();
}

/** Numbers, true, false and null go as such, and what stands in quotation marks as the text between them. */
function typed(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? text : value;
  } catch {
    return text;
  }
}

function attributes() {
  const rows = [...find("rows").children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value));
  return Object.fromEntries(rows.filter(([name]) => name !== "").map(([name, value]) => [name, typed(value)]));
}

function showPreview() {
  if (preview) URL.revokeObjectURL(preview);
  const [file] = find("image").files;
  preview = file ? URL.createObjectURL(file) : null;
  find("preview").hidden = !file;
  fill(find("preview"), file && el("img", { src: preview, alt: "The picture that you chose" }));
}

function body() {
  const form = new FormData();
  form.set("item_id", find("item-id").value);
  form.set("title", find("title").value);
  form.set("text", find("text").value);
  form.set("attributes", JSON.stringify(attributes()));
  for (const file of find("image").files) form.append("image", file);
  return form;
}

async function submit(event) {
  event.preventDefault();
  clearComplaints();
  await doing(find("post-it"), find("post-error"), async () => {
    const start = performance.now();
    try {
      posted(keepItem(await call("POST", "/items", { form: body() })), performance.now() - start);
    } catch (problem) {
      refuse(problem);
    }
  });
}

function clearComplaints() {
  complain("post-error", null);
  for (const control of Object.values(FIELDS)) complain(`${control}-error`, null, find(control));
}

function refuse(problem) {
  const control = FIELDS[problem.field?.split(".")[0]];
  fill(find("posted"));
  if (!control) throw problem;
  complain(`${control}-error`, problem, find(control));
  find(control).focus();
}

function posted(item, milliseconds) {
  const title = button("link", () => changeState({ item: item.item_id }), nameOf(item));
  fill(
    find("posted"),
    el(
      "div",
      { class: "head" },
      picture(item, "small"),
      el("div", {}, el("h3", {}, title), el("p", {}, stateChip(item.state), `: ${stateMeaning(item.state)}`)),
    ),
    el("p", { class: "good" }, item.searchable ? readySentence(item, milliseconds) : notSearchable(item)),
    fusionOf(item),
    audienceOf(item),
  );
  find("item-id").value = newId();
  document.dispatchEvent(new CustomEvent("changed", { detail: { marks: true } }));
  find("posted").scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function readySentence(item, milliseconds) {
  const again = item.created_at === item.updated_at ? "" : " It was there before, and this is what it is now.";
  return `Ready in ${milliseconds.toFixed(0)} ms: every list can have it.${again}`;
}

function notSearchable(item) {
  if (!item.hidden) return "No list has it: it has expired.";
  return sentence(`it was hidden before (${item.hidden_reason || "no reason said"}) and stays so`);
}
