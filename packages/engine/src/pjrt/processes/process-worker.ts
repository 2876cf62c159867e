/** The program of the threads by which a process takes part in a run of several. */
import { workerData } from 'node:worker_threads';
import type { DevicesData } from './devices-thread.js';
import type { LinkData } from './link-thread.js';
import type { StoreData } from './store-thread.js';

const data = workerData as LinkData | StoreData | DevicesData;
// What one thread needs, such as koffi, another does not.
switch (data.thread) {
  case 'link':
    await (await import('./link-thread.js')).runLinkThread(data);
    break;
  case 'store':
    (await import('./store-thread.js')).runStoreThread(data);
    break;
  case 'devices':
    (await import('./devices-thread.js')).runDevicesThread(data);
    break;
}
