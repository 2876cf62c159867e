export { ClusterError, ProcessLostError, type LostProcess } from './cluster-error.js';
export { readClusterPlace, type ClusterFlags, type ClusterPlace } from './cluster-place.js';
export { Cluster, type BroadcastOptions, type WaitOptions } from './cluster.js';
export { joinCluster, type JoinClusterOptions } from './join-cluster.js';
