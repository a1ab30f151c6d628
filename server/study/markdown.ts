/** @file A study's own texts: Markdown in, HTML out that cannot run anything. HTML in the text stays text; images are left out. */
import MarkdownIt from 'markdown-it';

const markdown = new MarkdownIt('default', { html: false, linkify: true, typographer: false }).disable('image');
// A link leads out of the study: it must not take the page with it.
markdown.renderer.rules['link_open'] = (tokens, i, options, _env, self) => {
  tokens[i]!.attrSet('target', '_blank');
  tokens[i]!.attrSet('rel', 'noopener noreferrer');
  return self.renderToken(tokens, i, options);
};

export function htmlOf(text: string): string {
  return markdown.render(text);
}
