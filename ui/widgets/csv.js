// Rows of objects as CSV that spreadsheets open: with a byte order mark, and no cell that they would run.

// A spreadsheet runs a cell that begins with one of these; an apostrophe makes it text.
export function csvCell(content) {
  if (typeof content === "number") return String(content);
  return `"${String(content ?? "").replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
}

export function csv(rows) {
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => names.map((name) => csvCell(row[name])).join(","));
  return ["\ufeff", [names.map(csvCell).join(","), ...lines, ""].join("\r\n")].join("");
}
