/** @file Does a report print what follows from its votes? Element by element, as printed. */

/** How many differences are told; more say nothing new. */
const most = 20;

/** @returns a sentence for each text or mark that differs */
export function differences(printed: Element, computed: Element): string[] {
  const found: string[] = [];
  compare(printed, computed, found);
  return found;
}

function compare(printed: Element, computed: Element, found: string[]): void {
  if (found.length >= most) return;
  const [said, follows] = [ownText(printed), ownText(computed)];
  if (said !== follows)
    found.push(`${placeOf(printed)}: the file prints “${said}”, from its votes follows “${follows}”.`);
  for (const name of new Set([...printed.getAttributeNames(), ...computed.getAttributeNames()])) {
    if (printed.getAttribute(name) !== computed.getAttribute(name) && name !== 'class') {
      found.push(`${placeOf(printed)}: a mark is drawn elsewhere than its votes put it (${name}).`);
      break;
    }
  }
  const [own, other] = [[...printed.children], [...computed.children]];
  if (own.length !== other.length) {
    found.push(`${placeOf(printed)}: the file has ${own.length} parts where ${other.length} follow from its votes.`);
    return;
  }
  own.forEach((child, i) => compare(child, other[i]!, found));
}

/** The text of an element without that of those within it. */
function ownText(element: Element): string {
  return [...element.childNodes]
    .filter((node) => node.nodeType === Node.TEXT_NODE)
    .map((node) => node.textContent ?? '')
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Where a reader finds it: the figure, or the table's row and column. */
function placeOf(element: Element): string {
  const heading = element.closest('section')?.querySelector('h2, h3')?.textContent?.trim() ?? 'At the top';
  const svg = element.closest('svg');
  if (svg !== null) return `${heading}, figure “${svg.getAttribute('aria-label') ?? ''}”`;
  const cell = element.closest('td');
  const row = cell?.parentElement;
  if (cell == null || row == null) return heading;
  const index = [...row.children].indexOf(cell);
  const column = cell.closest('table')?.querySelectorAll('thead th')[index]?.textContent?.trim() ?? '';
  return `${heading}, ${row.children[0]?.textContent?.trim() ?? ''}, ${column}`;
}
