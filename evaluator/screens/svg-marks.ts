/** @file The marks of a chart as SVG text. Coordinates in pixels of the drawing. */

export function line(x1: number, y1: number, x2: number, y2: number, name: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${name}"/>`;
}

export function text(x: number, y: number, content: string, name = '', anchor = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" class="${name}" text-anchor="${anchor}">${escape(content)}</text>`;
}

/** A curve through the points, and the band of their intervals. */
export function polyline(
  points: readonly { x: number; y: number; low: number; high: number }[],
  colour: string,
): string {
  const path = (at: (point: (typeof points)[number]) => number) =>
    points.map((point) => `${round(point.x)},${round(at(point))}`);
  const band = [...path((point) => point.low), ...path((point) => point.high).reverse()].join(' ');
  return (
    `<polygon points="${band}" fill="${colour}" opacity=".15"/>` +
    `<polyline points="${path((point) => point.y).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`
  );
}

/** A point of a curve; the best one is ringed. */
export function circle(
  { x, y, isBest, title }: { x: number; y: number; isBest: boolean; title: string },
  colour: string,
): string {
  const [cx, cy] = [round(x), round(y)];
  const fill = isBest ? 'none' : colour;
  const ring = `<circle cx="${cx}" cy="${cy}" r="${isBest ? 6 : 3}" fill="${fill}" stroke="${colour}" stroke-width="2"><title>${escape(title)}</title></circle>`;
  return isBest ? `${ring}<circle cx="${cx}" cy="${cy}" r="2.5" fill="${colour}"/>` : ring;
}

/** An estimate with its interval, lying. */
export function interval(low: number, value: number, high: number, y: number, colour: string): string {
  return (
    `<line x1="${round(low)}" x2="${round(high)}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"/>` +
    `<circle cx="${round(value)}" cy="${y}" r="4.5" fill="${colour}"/>`
  );
}

export function legend(x: number, y: number, name: string, colour: string): string {
  return `<rect x="${x}" y="${y - 10}" width="12" height="12" rx="2" fill="${colour}"/>${text(x + 18, y, name)}`;
}

export function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
