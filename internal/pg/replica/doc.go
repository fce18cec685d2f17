// Package replica rebuilds a streaming replica from its new primary, and puts
// the old one back.
//
// # The places
//
//	data                    the replica's directory
//	data.rebuilding-RUN     the new one while pg_basebackup writes it
//	data.replaced-RUN       the old one, kept
//	data.rebuilt-RUN        the new one after RestoreOld, kept
//	data.tablespaces-RUN    the new one's tablespaces
//	data.pgpass             the password of its replication login, mode 0600
//
// # How it decides
//
// As package swap does: Next says purely from what is on disk what comes next.
// The new copy is made beside the old replica, which serves readers meanwhile;
// they miss it for one restart. A note inside a directory says that it is whole
// and which run made it; a note beside it, written first, says whose unfinished
// copy it is. Only an unfinished copy of the same run is ever removed.
//
// # Whose settings
//
// Port, sockets, addresses and login rules are the old replica's; everything
// else is the primary's. The incarnation is the primary's: a replica is the same
// cluster.
package replica
