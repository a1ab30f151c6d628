/** @file Text within HTML, SVG and XML. */

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** For an element's text and for an attribute in double quotes. Control characters, which XML has no way to say, are left out. */
export function escapeMarkup(text: string): string {
  return text.replace(/(?![\t\n\r\u007f-\u009f])\p{Cc}/gu, '').replace(/[&<>"]/g, (c) => entities[c]!);
}
