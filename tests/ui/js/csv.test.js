import assert from "node:assert/strict";
import { test } from "node:test";
import { csv, csvCell } from "../../../ui/widgets/csv.js";

test("no cell is run by a spreadsheet, numbers stay numbers", () => {
  for (const begin of ["=", "+", "-", "@", "\t", "\r"]) assert.equal(csvCell(`${begin}1+1`), `"'${begin}1+1"`);
  assert.deepEqual([-3.5, "a \"b\"", null, undefined, true].map(csvCell), ["-3.5", '"a ""b"""', '""', '""', '"true"']);
});

test("rows are CSV with the names of the first and a byte order mark", () => {
  assert.equal(csv([{ a: 1, "b,c": "é\nx" }, { a: "=2", "b,c": null }]), '\ufeff"a","b,c"\r\n1,"é\nx"\r\n"\'=2",""\r\n');
});
