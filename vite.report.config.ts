/** @file Reports as files: `render` makes them on the server without a DOM, `page` is the script and the style within them. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig(({ mode }) => ({
  root: 'client',
  plugins: [svelte({ configFile: '../svelte.config.js' })],
  ...(mode === 'render'
    ? {
        ssr: { noExternal: true },
        build: {
          ssr: 'report/render.ts',
          outDir: '../dist/report',
          emptyOutDir: true,
          target: 'node20',
          rollupOptions: { output: { entryFileNames: 'render.js' } },
        },
      }
    : {
        build: {
          outDir: '../dist/report',
          emptyOutDir: false,
          target: 'es2022',
          cssCodeSplit: false,
          lib: { entry: 'report/page.ts', formats: ['es'], fileName: () => 'page.js', cssFileName: 'page' },
        },
      }),
}));
