// Elements. What comes from the API goes in as text, never as markup.

/** An element; attributes that are null or false are left out, `onclick` and its kin are listeners, texts become text nodes. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...present(children));
  return made;
}

/** A button that does something when it is pressed. */
export const button = (kind, press, ...children) => el("button", { type: "button", class: kind, onclick: press }, ...children);

/** A section under a heading. */
export const section = (title, ...content) => el("section", {}, el("h3", {}, title), content);

/** Names and their values. */
export const pairs = (rows) => el("dl", {}, rows.map(pair));
const pair = ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value)));

/** A sentence of what went wrong, said aloud where somebody listens; empty until then. */
export const complaintLine = () => el("p", { class: "error", role: "alert" });

/** Puts children in the place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

const present = (children) => children.flat(3).filter((child) => child != null && child !== false);

export const find = (id) => document.getElementById(id);

/** A bar of a share from 0 to 1. */
export function bar(share, kind = "") {
  const full = el("span");
  full.style.width = share > 0 ? `max(3px, ${Math.min(1, share) * 100}%)` : "0";
  return el("span", { class: `bar ${kind}`, "aria-hidden": "true" }, full);
}

/** A share as a person reads it; small ones with a decimal. */
export function percent(share) {
  const value = share * 100;
  return `${value === 0 || value >= 10 ? value.toFixed(0) : value.toFixed(1)}%`;
}

/** A sentence begins with a capital. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** Shows a problem's sentence beside the control that caused it; it is named where others stand there, too. None clears it. */
export function complain(id, problem, control = null) {
  const isAlone = id === `${control?.id}-error`;
  const said = isAlone ? problem?.message.replace(`${problem.field}: `, "") : problem?.message;
  find(id).textContent = problem ? sentence(said) : "";
  if (control) control.setAttribute("aria-invalid", problem ? "true" : "false");
}

/** Runs what a button does: a second press meanwhile does nothing, what fails is shown beside it, and the focus stays. */
export async function doing(button, complaint, action) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  complaint.textContent = "";
  try {
    await action();
  } catch (problem) {
    complaint.textContent = sentence(problem.message);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
