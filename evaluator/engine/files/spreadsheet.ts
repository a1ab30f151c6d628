/**
 * @file Text in CSV files that spreadsheets open. A cell that begins with =, +, -, @, a tab or a carriage return is a formula to
 * them: it gets an apostrophe in front (OWASP, CSV injection), and so does one that begins with the apostrophes that this adds,
 * so that our own reader can take it away again.
 */

const formula = /^'*[=+\-@\t\r]/;
/** Numbers are no formulas: −3 stays a number. */
const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function escapeCell(cell: string): string {
  return formula.test(cell) && !number.test(cell) ? `'${cell}` : cell;
}

/** What escapeCell was given. */
export function unescapeCell(cell: string): string {
  return cell.startsWith("'") && formula.test(cell.slice(1)) && !number.test(cell.slice(1)) ? cell.slice(1) : cell;
}
