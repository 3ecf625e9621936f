// What the page shows, kept in the address after #: a link shows the same.

const DEFAULTS = { user: "", k: "12", cold_only: "", seen: "", explain: "", diversity: "0", exploration: "", item: "" };

/** What the address asks for; texts, empty where it says nothing. */
export function readState() {
  const asked = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.entries(DEFAULTS).map(([name, usual]) => [name, asked.get(name) ?? usual]));
}

/** Changes some of it; the page follows the address. `quietly`: nobody chose it, and going back does not lead to before it. */
export function changeState(changes, { quietly = false } = {}) {
  const next = { ...readState(), ...changes };
  const said = Object.entries(next).filter(([name, value]) => value !== DEFAULTS[name]);
  const hash = `#${new URLSearchParams(said)}`;
  if (quietly) history.replaceState(null, "", hash);
  else location.hash = hash;
}

/** The list that a state asks for, as the body of `POST /recommend`. */
export function wishOf(state) {
  return {
    user_id: state.user,
    k: numberOr(state.k),
    cold_only: state.cold_only === "1",
    exclude_seen: state.seen !== "1",
    explain: state.explain === "1",
    diversity: numberOr(state.diversity),
    ...(state.exploration === "" ? {} : { exploration: numberOr(state.exploration) }),
    fallback: true,
  };
}

/** What is no number goes to the service as it is: it says what it takes. */
const numberOr = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));
