/** The program of the threads by which a process takes part in a run of several. */
import { workerData } from 'node:worker_threads';
import { runDevicesThread, type DevicesData } from './devices-thread.js';
import { runLinkThread, type LinkData } from './link-thread.js';
import { runStoreThread, type StoreData } from './store-thread.js';

const data = workerData as LinkData | StoreData | DevicesData;
switch (data.thread) {
  case 'link':
    await runLinkThread(data);
    break;
  case 'store':
    runStoreThread(data);
    break;
  case 'devices':
    runDevicesThread(data);
    break;
}
