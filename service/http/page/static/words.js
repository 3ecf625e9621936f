// What names of the API mean, in words.

const MODALITIES = {
  image: "picture",
  text: "text as a whole",
  title: "title",
  sentences: "each sentence",
  words: "single words",
  phrases: "phrases",
  attributes: "attributes",
};
const VIEWS = {
  together: "everything together",
  text: "its words alone",
  image: "its picture alone",
  attributes: "its attributes alone",
};
const STATES = {
  cold: "nobody has reacted to it yet: it is placed by its content alone",
  thawing: "training never saw it, and people have begun to react",
  warm: "the checkpoint learned it from what people did",
};
const DEEDS = { like: "liked", purchase: "bought", hide: "hid" };

export const viewName = (view) => VIEWS[view] ?? view;
export const stateMeaning = (state) => STATES[state] ?? "";
export const deedName = (type) => DEEDS[type] ?? type;
export const nameOf = (item) => item.title || item.item_id;

/** An expert is named by what it reads, and by a number where several read the same. */
export function expertName(expert) {
  const [reads, number] = expert.split(" ");
  const named = reads
    .split("+")
    .map((modality) => MODALITIES[modality] ?? modality)
    .join(" and ");
  return number ? `${named}, expert ${number}` : named;
}

/** What an item has, of what the checkpoint could read. */
export function modalityName(modality) {
  return MODALITIES[modality] ?? modality;
}

/** Whose taste ranked a list; goes on after how many items there are. */
export function sourceSentence(user, source) {
  if (source === "user") return `, ranked by what is known of ${user}.`;
  return `. Nothing is known of ${user} yet, so they are a prior user’s: react to something, and the list becomes its own.`;
}

export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
