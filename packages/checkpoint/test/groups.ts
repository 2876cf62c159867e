import type { ProcessGroup } from '../src/index.js';

/** Returns processes that meet within this one. */
export function groupsOf(processes: number): ProcessGroup[] {
  const meetings = new Map<string, { values: Uint8Array[]; arrived: number; meet: (values: Uint8Array[]) => void }>();
  const waiting = new Map<string, Promise<Uint8Array[]>>();
  const gather = async (rank: number, name: string, value: Uint8Array): Promise<Uint8Array[]> => {
    if (!meetings.has(name)) {
      waiting.set(name, new Promise((meet) => meetings.set(name, { values: [], arrived: 0, meet })));
    }
    const meeting = meetings.get(name)!;
    const met = waiting.get(name)!;
    meeting.values[rank] = value;
    if (++meeting.arrived === processes) {
      meetings.delete(name);
      meeting.meet(meeting.values);
    }
    return met;
  };
  return Array.from({ length: processes }, (_, rank) => ({
    rank,
    processes,
    gather: (name, value) => gather(rank, name, value),
  }));
}
