// The status of the index; what it says is also shown where results are awaited.
const tell = () => document.dispatchEvent(new CustomEvent("index-progress", { detail: element.innerHTML }));
watch("value", tell);
tell();
