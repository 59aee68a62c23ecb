// The status of the index; what it says is also shown where results are awaited. The address names what is open, so
// that it can be shared (never a private catalogue), and the browser remembers the session for as long as its tab is open.

export function mount({ element, watch }) {
  const REMEMBERED = "visual-search";

  function remember(open) {
    try {
      const known = JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "{}");
      sessionStorage.setItem(REMEMBERED, JSON.stringify({ ...known, ...open }));
    } catch {
      // A browser that keeps nothing forgets the session when the page is read anew.
    }
  }

  function address({ catalog, engine, shared }) {
    const place = new URL(location.href);
    const tab = document.querySelector('[role="tab"][aria-selected="true"][data-tab-id]')?.dataset.tabId;
    if (place.searchParams.get("catalog") !== catalog) place.searchParams.delete("item");
    for (const [name, text] of [["tab", tab], ["catalog", shared === "yes" ? catalog : ""], ["engine", engine]]) {
      if (text) place.searchParams.set(name, text);
      else place.searchParams.delete(name);
    }
    if (place.href !== location.href) history.replaceState(history.state, "", place);
  }

  function tell() {
    document.dispatchEvent(new CustomEvent("index-progress", { detail: element.innerHTML }));
    const open = element.querySelector("[data-catalog]")?.dataset;
    if (!open) return;
    remember({ session: open.session, catalog: open.catalog });
    setTimeout(address, 0, open);
  }
  watch("value", tell);
  tell();
}
