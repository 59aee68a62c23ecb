// A picture from the visitor: by file, drop or paste. What is wrong with one is said before it is sent.
const megabytes = (bytes) => Math.ceil(bytes / 1048576);

// Why a file can't be used, or nothing; `limit` in bytes, `verb` is what would be done with it.
export function fileProblem(file, limit, verb) {
  if (!file.size) return "The file is empty (0 bytes). Choose another picture.";
  if (file.size > limit) {
    return `The file has ${megabytes(file.size)} MB; at most ${megabytes(limit)} MB can be ${verb}.`;
  }
  return "";
}

// Send a file to the server and return it as Python reads uploaded files.
export async function sendPicture(upload, file) {
  const { path, url } = await upload(file);
  return { path, url, orig_name: file.name, meta: { _type: "gradio.FileData" } };
}

// Hand what is dropped on `place`, pasted while `element` is seen, or chosen in `input` to `take`.
export function listenForPictures({ element, place, input, take }) {
  const dragged = (on) => (event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files") || element.offsetParent === null) return;
    event.preventDefault();
    element.classList.toggle("dragged", on);
    if (event.type === "drop") take(event.dataTransfer.files[0]);
  };
  place.addEventListener("dragenter", dragged(true));
  place.addEventListener("dragover", dragged(true));
  place.addEventListener("dragleave", dragged(false));
  place.addEventListener("drop", dragged(false));
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file || !element.isConnected || element.offsetParent === null) return;
    event.preventDefault();
    take(file);
  });
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = "";
    input.removeAttribute("capture");
  });
}
