/**
 * Keeps everything of the page, so that it opens without its server. What the server gives counts first: a page that is written
 * anew is never hidden by an older one.
 */
const CACHE = 'vitvq-page';

self.addEventListener('install', (event) => {
  event.waitUntil(keepAll().then(() => self.skipWaiting()));
});
self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim());
});
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && url.startsWith(self.registration.scope)) event.respondWith(freshOrKept(event.request));
});

async function keepAll() {
  const response = await fetch('files.json', { cache: 'no-cache' });
  const files = await response.json();
  const cache = await caches.open(CACHE);
  await cache.addAll(files);
}

async function freshOrKept(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    // Servers may let an answer vary with headers that the list was fetched without.
    const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}
