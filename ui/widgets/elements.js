// What every component of ours makes its page of; text enters as text only.
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, given] of Object.entries(attributes)) made.setAttribute(name, given);
  made.append(...children);
  return made;
}

export function makeSvg(tag, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, given] of Object.entries(attributes)) made.setAttribute(name, given);
  made.textContent = text;
  return made;
}

// Where a catalogue's picture is served, its longer side about `side` pixels.
export function pictureAddress(catalog, id, side) {
  return `picture/${encodeURIComponent(catalog)}?side=${side}&id=${encodeURIComponent(id)}`;
}

// Say what happened at an element to whatever it lies in, up to the document, where the visitor's question listens.
export function tell(element, name, detail = {}) {
  element.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
}

// A plain copy of a component's value: Gradio's own is a proxy, and "" where there is none yet.
export function plain(value, otherwise = {}) {
  return JSON.parse(JSON.stringify(value || otherwise));
}
