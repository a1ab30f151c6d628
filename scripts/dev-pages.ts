/** @file Vite in front of the server, for npm run dev: it serves the two pages and passes everything else on. */
import type { Plugin } from 'vite';

/** Which page a path shows; undefined for what the server answers itself. */
function pageOf(path: string): string | undefined {
  if (/^\/annotate\/[^/.]+$/.test(path) && !path.startsWith('/annotate/images')) return '/annotate.html';
  if (/^\/research(\/[^.]*)?$/.test(path) && !path.startsWith('/research/login')) return '/research.html';
  return undefined;
}

export function devPages(server: string | undefined): Plugin {
  return {
    name: 'visavis-dev-pages',
    apply: 'serve',
    config: () =>
      server === undefined
        ? {}
        : {
            server: {
              proxy: {
                '^/(api|annotate/images|annotate/api|research/login|healthz|readyz|metrics)': server,
                '/socket.io': { target: server, ws: true },
              },
            },
          },
    configureServer({ middlewares }) {
      if (server === undefined) return;
      middlewares.use((request, response, next) => {
        const page = pageOf((request.url ?? '').split('?')[0]!);
        if (page === undefined) {
          next();
          return;
        }
        // The server's own answer to this path sets the visitor's cookies.
        fetch(server + request.url!, { headers: { cookie: request.headers.cookie ?? '' }, redirect: 'manual' }).then(
          (answer) => {
            response.setHeader('Set-Cookie', answer.headers.getSetCookie());
            request.url = page;
            next();
          },
          () => response.writeHead(502).end('The server is starting again; reload in a second.'),
        );
      });
    },
  };
}
